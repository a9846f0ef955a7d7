"""A page to try a classifier: `python -m flowers_keras.demo --model=runs/x/model.keras`.

Photos are dropped, chosen, pasted or taken with a phone's camera, several at once. It listens on this
machine only, and its content security policy forbids loading anything from elsewhere. It keeps only what
somebody corrects: pressing the right class of a photo stores the photo and adds it to a list for the next
run:

  python train.py --config=... --config.data.corrections=runs/x/corrections.csv

Programs can use it, too: `curl --data-binary @photo.jpg http://127.0.0.1:7860/predict`; the module
`flowers_keras.serving.page_app` describes the replies.
"""

from flowers_keras import commands
from flowers_keras.serving import correction_list, hosts


def main(arguments=None):
    """Serves the page until Ctrl-C."""
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.demo",
        description="A page in your browser: drop photos, see their classes and what decided them. Programs "
        "post a photo to /predict and get JSON.",
    )
    parser.add_model()
    parser.add_argument("--port", type=int, default=7860, help="7860 by default; 0 takes a free one")
    parser.add_argument(
        "--host",
        type=hosts.listening_host,
        default="127.0.0.1",
        help="0.0.0.0 lets everyone in your network use it",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        type=hosts.allowed_name,
        default=[],
        metavar="NAME",
        help="a name by which browsers reach the page: a server's or a proxy's; may be repeated",
    )
    parser.add_argument(
        "--corrections",
        metavar="PATH.csv",
        help="list of what people correct, for --config.data.corrections of a next run; corrections.csv "
        "beside the model by default; empty for none",
    )
    options = parser.parse_args(arguments)
    options.corrections = correction_list.list_path(options.corrections, options.model)
    with hosts.listen(options.host, options.port) as listening:
        serve(options, listening)
    return 0


def serve(options, listening):
    """Serves the page on a socket that listens."""
    from flowers_keras.model import inference  # Keras takes seconds: a mistake should not wait for it
    from flowers_keras.serving import page_server

    classifier = inference.load_classifier(options.model)
    names = hosts.make_hosts(options.host, options.allow_host)
    with page_server.Server(classifier, names, listening, options.corrections) as server:
        url = hosts.page_url(options.host, listening.getsockname()[1])
        print(f"open {url} in a browser; Ctrl-C ends it", flush=True)
        try:
            server.wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    commands.run(main)

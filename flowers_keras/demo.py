"""A page to try a classifier on: `python -m flowers_keras.demo --model=runs/x/model.keras`.

It listens on this machine only, loads nothing from elsewhere and has a policy that forbids it.
`flowers_keras.serving.page_app` describes its JSON endpoint.
"""

from flowers_keras import errors, files
from flowers_keras.serving import hosts


def main(arguments=None):
    """Serves the page until Ctrl-C."""
    parser = errors.Arguments(
        prog="python -m flowers_keras.demo",
        description="A page in your browser: drop a photo, see its class and what decided it.",
    )
    parser.add_argument(
        "--model", required=True, type=files.model_file, metavar="runs/x/model.keras", help="or its folder"
    )
    parser.add_argument("--port", type=int, default=7860, help="7860 by default; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets everyone in your network use it")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which browsers reach the page: a server's or a proxy's; may be repeated",
    )
    options = parser.parse_args(arguments)
    with hosts.listen(options.host, options.port) as listening:
        serve(options, listening)
    return 0


def serve(options, listening):
    """Serves the page on a socket that listens."""
    from flowers_keras.model import inference  # Keras takes seconds, which no mistake should wait for
    from flowers_keras.serving import page_server

    classifier = inference.load_classifier(options.model)
    names = hosts.make_hosts(options.host, options.allow_host)
    with page_server.Server(classifier, names, listening) as server:
        url = hosts.page_url(options.host, listening.getsockname()[1])
        print(f"open {url} in a browser; Ctrl-C ends it", flush=True)
        try:
            server.wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    errors.run_command(main)

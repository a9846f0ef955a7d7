"""A page to try a classifier on: `python -m flowers_keras.demo --model=runs/x/model.keras`.

One HTML file on the standard library's server does what Gradio would, with no dependency of a
hundred packages, no fonts or analytics from elsewhere, and a policy that forbids them.
"""

from flowers_keras import errors, files
from flowers_keras.model.inference import load_classifier
from flowers_keras.serving import page_server


def main(arguments=None):
    """The door: serves the page until Ctrl-C."""
    parser = errors.Arguments(
        prog="python -m flowers_keras.demo",
        description="A page in your browser: drop a photo, see what it is and what decided it.",
    )
    parser.add_argument(
        "--model",
        required=True,
        type=files.user_path,
        metavar="runs/x/model.keras",
        help="or the run's folder",
    )
    parser.add_argument("--port", type=int, default=7860, help="7860 by default; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets everyone in your network use it")
    options = parser.parse_args(arguments)
    with page_server.make_server(load_classifier(options.model), options.host, options.port) as server:
        print(f"open {server.url} in a browser; Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    errors.run_command(main)

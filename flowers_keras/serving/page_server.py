"""Serves the page of a classifier: Starlette's application on uvicorn."""

import threading

import numpy as np
import uvicorn

from flowers_keras.model import overlays
from flowers_keras.serving import page_app


class Server:
    """Serves the page during its `with` block.

    It runs in its own thread: in a notebook the main thread already runs an event loop.
    """

    def __init__(self, classifier, hosts, listening, corrections=None):
        """Takes an inference.Classifier, hosts.Hosts, a socket that listens, and the list of corrections."""
        config = uvicorn.Config(
            page_app.make_app(classifier, hosts, corrections),
            http="h11",  # what was tested; uvicorn would take httptools where it is installed
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=[[listening]])
        # The first prediction takes longer; no user should wait for it.
        page_app.answer_photo(classifier, overlays.jpeg(np.zeros((1, 1, 3), np.uint8)))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()

    def wait(self):
        """Serves until Ctrl-C, which raises KeyboardInterrupt."""
        while self.thread.is_alive():
            self.thread.join(1)  # without a limit, Windows would not notice Ctrl-C

"""A page to try a classifier on: `python -m flowers_keras.demo --model=runs/x/model.keras`.

One HTML file on the standard library's server does what Gradio would, with no dependency of a
hundred packages, no fonts or analytics from elsewhere, and a policy that forbids them.
"""

import base64
import http
import http.server
import ipaddress
import json
import pathlib
import secrets
import socket
import socketserver
import sys
import threading
import urllib.parse

import jinja2
import numpy as np

from flowers_keras.errors import UserError
from flowers_keras.model import explain
from flowers_keras.serving import answers

LARGEST_UPLOAD = 50 << 20  # bytes

UPLOADS = 4  # held in memory at a time

SHOWN = 8  # classes

EVERYWHERE = ("0.0.0.0", "::")  # listening there, every machine that reaches this one is served

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Server(http.server.ThreadingHTTPServer):
    """Serves the page of one classifier.

    Attributes:
      url: where a browser on this machine finds it.
    """

    daemon_threads = True

    def __init__(self, classifier, host, port):
        self.classifier, self.host = classifier, host.lower()
        # Other machines know this one by its name, or by mDNS.
        name = socket.gethostname().lower()
        self.names = {"localhost", self.host, *([name, f"{name}.local"] if host in EVERYWHERE else [])}
        self.computing, self.uploads = threading.Lock(), threading.BoundedSemaphore(UPLOADS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        template = pathlib.Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
        self.template = environment.from_string(template)
        super().__init__((host, port), Handler)

    def server_bind(self):
        # The base class would ask a name server who we are.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    @property
    def url(self):
        host = "localhost" if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    def page(self, nonce):
        """The page as text; only styles and scripts that carry the nonce work in it."""
        return self.template.render(
            nonce=nonce,
            class_names=self.classifier.class_names,
            shown=SHOWN,
            largest=LARGEST_UPLOAD,
        )

    def answer(self, data):
        """What the page shows of an encoded photo: a dict with "error", or with

        "classes" (dicts of "name" and "probability", the most probable first), and "photo" and
        "heat_map", which are pictures as `data:` addresses.
        """
        with self.computing:
            (answer,) = self.classifier.answer([data])
            if answer.error:
                return {"error": answer.error}
            ranked = answers.ranked(answer.probabilities, SHOWN)
            squares, classes = answer.square[None], np.array(ranked[:1])
            (heat_map,) = explain.heat_maps(self.classifier.model, squares, classes)
        explained = explain.explain_picture(answer.picture, heat_map)
        return {
            "classes": [
                {"name": self.classifier.class_names[k], "probability": float(answer.probabilities[k])}
                for k in ranked
            ],
            "photo": _data_address(answer.picture),
            "heat_map": _data_address(explained),
        }

    def is_ours(self, header):
        """Whether a Host header names this machine: another name was pointed at us to misuse us."""
        try:
            name = urllib.parse.urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        try:
            return name in self.names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """GET / is the page, POST /predict takes an encoded photo and returns JSON."""

    server_version, sys_version = "flowers_keras", ""
    timeout = 30  # seconds that a browser may be silent

    def do_GET(self):
        if not self._is_welcome():
            return
        if self.path.partition("?")[0] != "/":
            self._refuse(http.HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        nonce = secrets.token_urlsafe(16)
        page = self.server.page(nonce).encode()
        self._reply(http.HTTPStatus.OK, "text/html; charset=utf-8", page, POLICY.format(nonce=nonce))

    do_HEAD = do_GET

    def do_POST(self):
        if not self._is_welcome():
            return
        if self.path != "/predict":
            self._refuse(http.HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._refuse(http.HTTPStatus.LENGTH_REQUIRED, "the length of the photo is missing")
        elif int(length) > LARGEST_UPLOAD:
            self._discard(int(length))
            self._refuse(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"larger than {LARGEST_UPLOAD >> 20} MiB")
        elif not self.server.uploads.acquire(timeout=self.timeout):
            self._refuse(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many photos at once; try again")
        else:
            try:
                self._predict(int(length))
            finally:
                self.server.uploads.release()

    def _predict(self, length):
        data = self.rfile.read(length)
        if len(data) < length:
            self._refuse(http.HTTPStatus.BAD_REQUEST, "the photo did not arrive in full")
            return
        answer = self.server.answer(data)
        status = http.HTTPStatus.UNPROCESSABLE_ENTITY if "error" in answer else http.HTTPStatus.OK
        self._reply(status, "application/json", json.dumps(answer).encode())

    def _is_welcome(self):
        """Whether the request comes from our own page or from no page; refuses it otherwise."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if self.server.is_ours(host) and origin in (None, f"http://{host}"):
            return True
        self._refuse(http.HTTPStatus.FORBIDDEN, f"open {self.server.url} instead")
        return False

    def _discard(self, length):
        """Reads what is sent; who is still sending would not see the reply."""
        length = min(length, 4 * LARGEST_UPLOAD)
        while length > 0 and (piece := self.rfile.read(min(length, 1 << 20))):
            length -= len(piece)

    def _refuse(self, status, reason):
        self._reply(status, "application/json", json.dumps({"error": reason}).encode())

    def _reply(self, status, kind, body, policy="default-src 'none'; frame-ancestors 'none'"):
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Says nothing: the page shows what went wrong."""


def _data_address(picture):
    return f"data:image/jpeg;base64,{base64.b64encode(explain.jpeg(picture)).decode()}"


def make_server(classifier, host, port):
    """A Server that is ready for photos.

    Args:
      classifier: classify.Classifier.
      host: name or address to listen on.
      port: number from 0 to 65535; 0 takes a free one.

    Raises:
      UserError: the address cannot be had.
    """
    try:
        server = Server(classifier, host, port)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on --host={host} --port={port} ({error}); choose another, for instance --port=0"
        ) from error
    black = np.zeros((1, 1, 3), np.uint8)  # the first one takes longer; a person should not wait for it
    server.answer(explain.jpeg(black))
    return server

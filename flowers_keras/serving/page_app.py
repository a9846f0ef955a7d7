"""The page of a classifier and its JSON endpoints, as a Starlette application.

  GET  /                    the page
  POST /predict             the bytes of an encoded photo -> JSON
  POST /correct?label=NAME  the same bytes, which are kept as a photo of that class -> JSON

  curl --data-binary @photo.jpg http://127.0.0.1:7860/predict
  curl --data-binary @photo.jpg http://127.0.0.1:7860/correct?label=roses

`/predict` replies {"classes": [{"name", "probability"}, ...], "novelty", "photo", "heat_map"}: all classes,
the most probable first; {"distance", "score", "unlike", "false_alarms"} as in novelty.Novelty, or null where
the model cannot tell; and two pictures as `data:` addresses. It keeps nothing.

`/correct` replies {"photo", "list", "label", "count"}: where the photo is stored, the CSV that lists it, its
class, and how many photos that CSV has; see `correction_list`. Where the page keeps no corrections it is not
there.

A refusal is {"error": reason} with a status of 400 on: 403 for a Host or an Origin that the page does not
answer to, 408 for bytes that take over 30 seconds to come, 413 for more than 50 MiB, 415 for a form around
the photo, 422 for what is not a photo or an unknown class, 503 when too many come at once.
"""

import asyncio
import base64
import contextlib
import dataclasses
import functools
import http
import pathlib
import secrets

import jinja2
import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from flowers_keras.errors import UserError
from flowers_keras.model import explain, overlays
from flowers_keras.photos import formats, reader
from flowers_keras.serving import answers, correction_list

LARGEST_UPLOAD = 50 << 20  # bytes

UPLOADS = 4  # in memory at a time

PATIENCE = 30  # seconds for a photo to arrive completely, and as many to wait for its turn

SHOWN = 8  # classes on the page

MOST = 100  # photos on the page, whose pictures the browser keeps in memory

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

ELSEWHERE = "here are the page, GET /, and POST /predict, which takes the bytes of a photo"

NO_POLICY = "default-src 'none'; frame-ancestors 'none'"  # of replies that are not the page


def make_app(classifier, hosts, corrections=None):
    """The application.

    Args:
      classifier: inference.Classifier.
      hosts: hosts.Hosts, the host names that it accepts.
      corrections: pathlib.Path of the list of corrections; None turns corrections off.
    """
    page = Page(classifier, corrections)
    correct = [Route("/correct", page.correct, methods=["POST"])] if corrections else []
    app = Starlette(
        routes=[
            Route("/", page.show, methods=["GET"]),
            Route("/predict", page.predict, methods=["POST"]),
            *correct,
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={HTTPException: _refuse},
    )
    app.router.redirect_slashes = False
    return app


class Guard:
    """Middleware that refuses requests from other sites and sets the headers of every reply."""

    def __init__(self, app, hosts):
        self.app, self.hosts = app, hosts

    async def __call__(self, scope, receive, send):
        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", NO_POLICY)
            await send(message)

        # A proxy that removes a path prefix may leave its slash, as nginx does: //predict.
        scope = scope | {"path": "/" + scope["path"].lstrip("/")}
        headers = Headers(scope=scope)
        reason = self.hosts.refusal(headers.get("Host", ""), headers.get("Origin"))
        app = JSONResponse({"error": reason}, http.HTTPStatus.FORBIDDEN) if reason else self.app
        await app(scope, receive, send_with_headers)


class Page:
    """The requests of one classifier's page."""

    def __init__(self, classifier, corrections):
        self.classifier, self.corrections = classifier, corrections
        self.uploads, self.computing = asyncio.Semaphore(UPLOADS), asyncio.Lock()
        folder = pathlib.Path(__file__).parent
        loader = jinja2.FileSystemLoader([folder, folder.with_name("report")])  # whose palette it shares
        environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        self.template = environment.get_template("page.html.j2")

    async def show(self, request):
        """The page; its policy allows only styles and scripts with its nonce."""
        nonce = secrets.token_urlsafe(16)
        page = self.template.render(
            nonce=nonce,
            class_names=self.classifier.class_names,
            corrections=self.corrections,
            place=request.url.netloc,
            shown=SHOWN,
            most=MOST,
            largest=LARGEST_UPLOAD,
            formats=formats.NAMES,
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY.format(nonce=nonce)})

    async def predict(self, request):
        """Classifies the photo in the request."""
        return await self._reply(request, functools.partial(answer_photo, self.classifier))

    async def correct(self, request):
        """Stores the photo in the request as one of the class that the request names."""
        label = request.query_params.get("label", "")
        if label not in self.classifier.class_names:
            raise HTTPException(
                422, f"{label!r} is not a class of this model; name one as /correct?label=NAME"
            )
        return await self._reply(request, functools.partial(keep_photo, self.corrections, label))

    async def _reply(self, request, work):
        """The result of `work` for the photo in the request, as JSON."""
        try:
            async with self._turn():
                data = await read_body(request)
                async with self.computing:
                    answer = await run_in_threadpool(work, data)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody will read
        return JSONResponse(answer, http.HTTPStatus.UNPROCESSABLE_ENTITY if "error" in answer else 200)

    @contextlib.asynccontextmanager
    async def _turn(self):
        """One of `UPLOADS` places; HTTPException where none is free in time."""
        try:
            await asyncio.wait_for(self.uploads.acquire(), PATIENCE)
        except TimeoutError:
            raise HTTPException(503, "too many photos at once; try again") from None
        try:
            yield
        finally:
            self.uploads.release()


async def read_body(request):
    """The bytes of a request's body.

    Raises:
      HTTPException: 413, there are more than `LARGEST_UPLOAD`; 408, they took more than `PATIENCE`; 415, a
        form is around the photo.
    """
    if request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        raise HTTPException(
            415, "a form; send the photo's bytes alone, as curl --data-binary @photo.jpg does"
        )
    too_large = HTTPException(413, f"larger than {LARGEST_UPLOAD >> 20} MiB")
    length = request.headers.get("Content-Length", "0").lstrip("0") or "0"
    if len(length) > 18 or int(length) > LARGEST_UPLOAD:  # `int` refuses thousands of digits
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for piece in request.stream():
                data += piece
                if len(data) > LARGEST_UPLOAD:
                    raise too_large
    except TimeoutError:
        slow = f"the photo did not arrive within {PATIENCE} seconds"
        raise HTTPException(408, slow, {"Connection": "close"}) from None
    return bytes(data)


async def _refuse(request, error):
    reason = ELSEWHERE if error.status_code in (404, 405) else error.detail
    return JSONResponse({"error": reason}, error.status_code, error.headers)


def answer_photo(classifier, data):
    """What `POST /predict` replies to an encoded photo, as a dict."""
    (answer,) = classifier.answer([data])
    if answer.error:
        return {"error": answer.error}
    ranked = answers.ranked(answer.probabilities, None)
    squares, classes = answer.square[None], np.array(ranked[:1])
    (heat_map,) = explain.heat_maps(classifier.model, squares, classes)
    explained = overlays.explain_picture(answer.picture, heat_map)
    return {
        "classes": [
            {"name": classifier.class_names[k], "probability": float(answer.probabilities[k])} for k in ranked
        ],
        "novelty": dataclasses.asdict(answer.novelty) if answer.novelty else None,
        "photo": _data_address(answer.picture),
        "heat_map": _data_address(explained),
    }


def keep_photo(path, label, data):
    """What `POST /correct` replies, as a dict."""
    try:
        return correction_list.save_correction(path, data, label)
    except (reader.BrokenPhoto, UserError) as error:
        return {"error": str(error)}


def _data_address(picture):
    return f"data:image/jpeg;base64,{base64.b64encode(overlays.jpeg(picture)).decode()}"

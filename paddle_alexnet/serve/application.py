"""The application: a page, POST /predict and /explain, and what operators ask for."""

import json
import logging
import secrets
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import asdict
from typing import Any

import numpy as np
from flask import Flask, Response, g, request
from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.exceptions import HTTPException

from paddle_alexnet.errors import AlexNetError
from paddle_alexnet.inference.classifier import ImageClassifier
from paddle_alexnet.inference.predict import best_classes
from paddle_alexnet.runtime.cpu import usable_cores
from paddle_alexnet.runtime.hosts import HEADERS, names_this_machine
from paddle_alexnet.serve.errors import BUSY, Refused, error_body, error_headers
from paddle_alexnet.serve.explanation import Explainer
from paddle_alexnet.serve.limits import Limits, Memory
from paddle_alexnet.serve.metrics import Metrics
from paddle_alexnet.serve.openapi import document
from paddle_alexnet.serve.predictor import Predictor
from paddle_alexnet.serve.uploads import InMemoryRequest, read_input, uploads
from paddle_alexnet.serve.words import LANGUAGES

logger = logging.getLogger(__name__)

# A page may load nothing, and talk to this server only.
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Application:
    """A WSGI application that classifies what it is sent.

    Args:
        classifier: Gives the scores.
        explainer: Explains images; None where the net gives no gradients.
        host: Address that is listened on.
        allowed: Names that requests may give this machine, beside its own and IP addresses.
        limits: What requests may cost.
        topk: Classes of a prediction.
        batch_size: Most images that pass the net together.
        wait: Seconds that an image waits for others.

    Attributes:
        memory: What all requests hold together.
        metrics: What is counted.
    """

    def __init__(
        self,
        classifier: ImageClassifier,
        explainer: Explainer | None,
        *,
        host: str,
        limits: Limits,
        allowed: Collection[str] = (),
        topk: int = 5,
        batch_size: int = 8,
        wait: float = 0.005,
    ) -> None:
        self.classifier, self.explainer = classifier, explainer
        self.host, self.allowed, self.limits, self.topk = host, allowed, limits, topk
        self.memory, self.metrics = Memory(limits.memory), Metrics()
        self.predictor = Predictor(classifier.finite_scores, batch_size, wait, self.metrics.passed)
        # Each thread keeps the memory of the largest image that it has read, so they are few.
        self._readers = ThreadPoolExecutor(usable_cores(), "reader")
        self.metrics.gauge("waiting", "Images that wait for the net", self.predictor.waiting)
        self.metrics.gauge(
            "memory_bytes", "Bytes that requests hold together", lambda: self.memory.taken
        )
        self._page = Environment(
            loader=PackageLoader("paddle_alexnet.serve", "."),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ).get_template("page.html")
        self._flask = self._make_flask()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""
        return self._flask(environ, start_response)

    def count(self, status: int) -> None:
        """Count a request that was refused before it came here."""
        self.metrics.answered("other", status)

    def close(self) -> None:
        """End the threads, after what was asked for before."""
        self._readers.shutdown()
        self.predictor.close()

    def _make_flask(self) -> Flask:
        app = Flask("serve", static_folder=None)
        app.request_class = InMemoryRequest
        app.before_request(self._check_host)
        app.after_request(self._finish)
        app.register_error_handler(Exception, _refuse)
        app.get("/")(self.page)
        app.post("/predict")(self.predict)
        app.post("/explain")(self.explain)
        app.get("/healthz")(self.health)
        app.get("/metrics")(self.show_metrics)
        app.get("/openapi.json")(self.describe)
        return app

    def page(self) -> Response:
        """The page, in the browser's language."""
        language = request.accept_languages.best_match(LANGUAGES, default="en")
        nonce = secrets.token_urlsafe(16)
        text = self._page.render(
            words=LANGUAGES[language],
            language={"en": "en", "zh": "zh-CN"}[language],
            nonce=nonce,
            max_bytes=self.limits.body,
            explains=self.explainer is not None,
        )
        headers = {"Content-Security-Policy": POLICY.format(nonce), "Vary": "Accept-Language"}
        return Response(text, mimetype="text/html", headers=headers)

    def predict(self) -> Response:
        """Classes and scores of each image that was sent."""
        inputs = self._inputs()
        rows = self._await([self.predictor.classify(image) for _, image in inputs])
        classes = self.classifier.classes
        return _json(
            [
                best_classes(name, row, classes, self.topk).to_json()
                for (name, _), row in zip(inputs, rows, strict=True)
            ]
        )

    def explain(self) -> Response:
        """All that the page shows of one image."""
        explainer = self.explainer
        if explainer is None:
            raise Refused(404, "a graph gives no gradients: start the server with --weights")
        inputs = self._inputs()
        if len(inputs) > 1:
            raise Refused(400, f"one image is explained at a time, got {len(inputs)}")
        ((name, image),) = inputs
        (result,) = self._await([self.predictor.call(lambda: explainer(image, name))])
        return _json(asdict(result))

    def health(self) -> Response:
        """Whether the net can be asked."""
        if not self.predictor.alive():
            raise Refused(503, "the thread of the net has ended: start the server again")
        return _json({"status": "ok"})

    def show_metrics(self) -> Response:
        """Counters."""
        return Response(self.metrics.text(), content_type="text/plain; version=0.0.4")

    def describe(self) -> Response:
        """The OpenAPI document."""
        return _json(document(self.limits, explains=self.explainer is not None))

    def _inputs(self) -> list[tuple[str, np.ndarray]]:
        """Names and preprocessed images of the request."""
        sent = request._get_current_object()  # another thread reads it

        def read() -> list[tuple[str, np.ndarray]]:
            return [
                (name, read_input(name, data, self.classifier, self.limits, self.memory))
                for name, data in uploads(sent, self.limits)
            ]

        return self._readers.submit(read).result()

    def _await(self, futures: Sequence[Future]) -> list[Any]:
        """The results in order, within the time for an answer."""
        end = time.monotonic() + self.limits.answering
        try:
            return [future.result(max(0.0, end - time.monotonic())) for future in futures]
        except NoAnswer as error:
            for future in futures:
                future.cancel()
            raise Refused(503, BUSY) from error

    def _check_host(self) -> None:
        g.began = time.monotonic()
        if not names_this_machine(request.host, self.host, self.allowed):
            raise Refused(
                403,
                "this name is not known: use the machine's IP address, or start the server with "
                "--allow-host NAME",
            )

    def _finish(self, response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'")
        response.headers.update({**HEADERS, "Cache-Control": "no-store"})
        route = request.url_rule.rule if request.url_rule else "other"
        self.metrics.answered(route, response.status_code, time.monotonic() - g.began)
        return response


def _json(value: Any) -> Response:
    # ASCII only: a file name may hold half a surrogate pair, which UTF-8 has not.
    return Response(json.dumps(value) + "\n", mimetype="application/json")


def _refuse(error: Exception) -> Response:
    """An error as one line of JSON. What was sent is not in the log."""
    headers = {}
    if isinstance(error, Refused):
        status, reason = error.status, str(error)
    elif isinstance(error, HTTPException):
        status, reason = error.code or 500, f"{error.name}"
        headers = {k: v for k, v in error.get_headers() if k == "Allow"}
    elif isinstance(error, MemoryError):
        status, reason = 503, BUSY
    else:
        status = 500
        reason = str(error) if isinstance(error, AlexNetError) else "a fault of the server"
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        logger.error("%s at %s", type(error).__name__, place)
    return Response(error_body(reason), status, headers={**headers, **error_headers(status)})

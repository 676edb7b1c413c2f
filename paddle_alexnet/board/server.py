"""Serve the board: a small read-only application around VisualDL's page and log reading.

VisualDL's own application also converts models, starts servers, accepts uploads, loads profiles in
separate processes and installs packages. Only what is listed in :data:`CALLS` exists here.
"""

import base64
import contextlib
import hashlib
import io
import json
import logging
import re
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from paddle_alexnet.board.log_reader import patch_log_reading
from paddle_alexnet.board.page import CORRECTIONS, correct, unfit
from paddle_alexnet.errors import DataError, RunError
from paddle_alexnet.runtime.hosts import HEADERS, check_port, names_this_machine

logger = logging.getLogger(__name__)

LANGUAGES = ("en", "zh")
# Seconds after which an idle connection is closed, to free its thread and its descriptor.
IDLE_SECONDS = 30
PUBLIC = "/app"
# What a log of BoardWriter can show, by VisualDL's names of its tabs. The board opens on the first
# that has content.
TABS = (
    *("scalar", "image", "text", "histogram", "pr_curve", "roc_curve", "embeddings"),
    *("hyper_parameters", "dynamic_graph"),
)
CALLS = {"components", "runs", "graph_runs"} | {
    f"{group}/{name}"
    for group, names in {
        "scalar": ("tags", "list", "data"),
        "image": ("tags", "list", "image"),
        "text": ("tags", "list", "text"),
        "histogram": ("tags", "list"),
        "embedding": ("list", "tensor", "metadata"),
        "hparams": ("importance", "data", "indicators", "list", "metric"),
        "pr-curve": ("tags", "list", "steps"),
        "roc-curve": ("tags", "list", "steps"),
        "graph": ("graph", "search", "get_all_nodes", "manipulate"),
    }.items()
    for name in names
}


def make_board(
    logdir: str | Path,
    host: str,
    port: int,
    language: str = "en",
    *,
    allowed: Collection[str] = (),
    prefix: str = "",
) -> Any:
    """Make a server of the board; call ``serve_forever()`` and ``shutdown()`` on it.

    Args:
        logdir: Folder of runs, or one run. Links inside it are not followed.
        host: Address to listen on.
        port: 0 for any free port; see ``server_port`` of the result.
        language: Language of the page, ``en`` or ``zh``.
        allowed: Names that requests may give this machine, beside its own and IP addresses.
        prefix: Path at which a proxy serves the board, such as ``/board``.

    Raises:
        DataError: ``logdir`` is not a folder.
        RunError: The port is taken or impossible, the address cannot be used, or ``prefix`` is no
            path.
    """
    check_port(port)
    if not Path(logdir).is_dir():
        raise DataError(f"{logdir} is not a folder: train a run first, or name one with --logdir")
    if prefix and not re.fullmatch(r"(/[\w.~-]+)+", prefix, re.ASCII):
        raise RunError(f"--prefix {prefix!r}: expected a path such as /board")
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        timeout = IDLE_SECONDS

        def log(self, *args: object) -> None:
            pass

    app = make_application(logdir, host, language, allowed=allowed, prefix=prefix)
    try:
        with contextlib.redirect_stderr(said := io.StringIO()):
            return make_server(host, port, app, threaded=True, request_handler=Handler)
    except (OSError, SystemExit) as error:  # werkzeug exits, and prints why
        reason = next(iter(said.getvalue().splitlines()), None) or error
        raise RunError(
            f"cannot listen on {host}:{port} ({reason}): choose another --port or --host"
        ) from error


def make_application(
    logdir: str | Path,
    host: str,
    language: str,
    *,
    allowed: Collection[str] = (),
    prefix: str = "",
) -> Any:
    """Make the WSGI application of a board.

    Args:
        logdir: Folder of runs, or one run.
        host: Address of the server; requests may name it.
        language: Language of the page, ``en`` or ``zh``.
        allowed: As for :func:`make_board`.
        prefix: As for :func:`make_board`; requests may come with or without it.
    """
    # Imported here because VisualDL takes a second to load.
    from flask import Flask, Response, redirect, request
    from visualdl import ROOT
    from visualdl.server.api import create_api_call
    from visualdl.server.template import Template
    from werkzeug.exceptions import NotFound

    patch_log_reading()
    # It would log every request and every reading of a log.
    logging.getLogger("vdl_logger").setLevel(logging.CRITICAL)
    # Resolved, as its graph reader resolves it; so "hdfs://..." is no place on the network either.
    call = create_api_call([str(Path(logdir).resolve())], model="", cache_timeout=20)
    files = Template(
        str(Path(ROOT) / "server" / "dist"),
        PUBLIC_PATH=prefix + PUBLIC,
        BASE_URI=prefix + PUBLIC,
        API_URL=f"{prefix}{PUBLIC}/api",
    )
    app = Flask("board", static_folder=None)

    def file(name: str) -> Response:
        response = files.render(name)
        if name in corrected:
            response.set_data(correct(name, response.get_data(as_text=True)))
        return response

    def text_of(name: str) -> str:
        try:
            return files.render(name).get_data(as_text=True)
        except (NotFound, RuntimeError):  # RuntimeError: it would need a request
            return ""

    corrected = {correction.file for correction in CORRECTIONS}
    for fault in unfit(text_of):
        logger.warning("this VisualDL is not the one that was corrected: %s", fault)
    policy = content_policy(text_of("index.html"))

    @app.before_request
    def refuse() -> Response | None:
        if not names_this_machine(request.host, host, allowed):
            advice = "use its IP address, or start it with --allow-host NAME"
            return _text(f"the board does not answer to {request.host!r}: {advice}", 403)
        return None

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update({**HEADERS, "Content-Security-Policy": policy})
        return response

    # Only GET, here and below: nothing can be changed through the board.
    @app.get("/")
    @app.get(f"{PUBLIC}/")
    def start() -> Any:
        return redirect(f"{prefix}{PUBLIC}/index")

    @app.get(f"{PUBLIC}/<path:name>")
    def page(name: str) -> Response:
        if re.search(r"\..+$", name):
            return file(name)
        response = file("index.html")
        response.set_cookie("vdl_lng", language, samesite="Strict")
        return response

    @app.get(f"{PUBLIC}/api/<path:name>")
    def answer(name: str) -> Response:
        if name == "component_tabs":
            there = call(name, request.args)
            tabs = [tab for tab in TABS if tab in there]
            body = json.dumps({"status": 0, "msg": "", "data": tabs})
            return Response(body, mimetype="application/json")
        if name not in CALLS:
            return _text(f"the board has no {name!r:.100}", 404)
        body, kind, headers = call(name, request.args)
        return Response(body, mimetype=kind, headers=headers)

    def _text(text: str, status: int) -> Response:
        return Response(f"{text}\n", status, mimetype="text/plain")

    return OneAtATime(app, prefix)


def content_policy(page: str) -> str:
    """The Content-Security-Policy of a page: nothing from elsewhere, only the page's own scripts.

    Args:
        page: HTML; its inline scripts are allowed by their hashes.
    """
    inline = re.findall(r"<script[^>]*>([^<]+)</script>", page)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    scripts = "".join(f" 'sha256-{text}'" for text in hashes)
    return (
        # The page computes its curves in WebAssembly.
        f"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{scripts}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )


class OneAtATime:
    """A WSGI application under a lock: VisualDL's readers share state without one.

    So the server can use a thread per connection, and an idle connection does not block the board.

    Args:
        app: The application.
        prefix: Removed from the beginning of a request's path.
    """

    def __init__(self, app: Callable[..., Any], prefix: str = "") -> None:
        self.app = app
        self.prefix = prefix
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if self.prefix and (path + "/").startswith(self.prefix + "/"):
            environ["PATH_INFO"] = path.removeprefix(self.prefix) or "/"
        with self.lock:
            # The whole answer is read inside the lock, because it may still read logs.
            answer = self.app(environ, start_response)
            try:
                return list(answer)
            finally:
                getattr(answer, "close", lambda: None)()

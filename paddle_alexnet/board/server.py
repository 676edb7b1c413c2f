"""What the board answers, and what it does not.

VisualDL's own application also converts models, starts servers, takes uploads, loads profiles in
processes of their own and installs packages. Of it only the page and the reading of logs are used:
what is not in :data:`CALLS` does not exist.
"""

import base64
import contextlib
import hashlib
import io
import ipaddress
import json
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paddle_alexnet.board import log_reader, visualdl_patches
from paddle_alexnet.errors import DataError, RunError

PUBLIC = "/app"
# What a log of BoardWriter can show, by VisualDL's names of its tabs.
TABS = ("scalar", "image", "hyper_parameters", "pr_curve", "roc_curve", "dynamic_graph")
CALLS = frozenset(
    ["components", "runs", "graph_runs"]
    + [f"scalar/{name}" for name in ("tags", "list", "data")]
    + [f"image/{name}" for name in ("tags", "list", "image")]
    + [f"hparams/{name}" for name in ("importance", "data", "indicators", "list", "metric")]
    + [
        f"{curve}/{name}"
        for curve in ("pr-curve", "roc-curve")
        for name in ("tags", "list", "steps")
    ]
    + [f"graph/{name}" for name in ("graph", "search", "get_all_nodes", "manipulate")]
)
HEADERS = {
    # No other site may show the board in a frame, or load its pictures and figures.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_application(logdir: str | Path, host: str, language: str) -> Any:
    """Make the WSGI application of a board.

    Args:
        logdir: Folder of runs, or one run.
        host: Address it is served at; requests may name it.
        language: Of the page: ``en`` or ``zh``.
    """
    from flask import Flask, Response, redirect, request
    from visualdl import ROOT
    from visualdl.server.api import create_api_call
    from visualdl.server.template import Template

    log_reader.patch_log_reading()
    visualdl_patches.quiet_server()
    # Over Path: VisualDL takes "hdfs://..." for a place on the network.
    call = create_api_call([str(Path(logdir))], model="", cache_timeout=20)
    files = Template(
        str(Path(ROOT) / "server" / "dist"),
        PUBLIC_PATH=PUBLIC,
        BASE_URI=PUBLIC,
        API_URL=f"{PUBLIC}/api",
    )
    app = Flask("board", static_folder=None)
    policy = content_policy(files.render("index.html").get_data(as_text=True))

    @app.before_request
    def refuse() -> Response | None:
        if not names_this_machine(request.host, host):
            return _text(f"the board does not answer to {request.host!r}: use its IP address", 403)
        return None

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update({**HEADERS, "Content-Security-Policy": policy})
        return response

    # By GET only, here and below: nothing can be changed through the board.
    @app.get("/")
    @app.get(f"{PUBLIC}/")
    def start() -> Any:
        return redirect(f"{PUBLIC}/index")

    @app.get(f"{PUBLIC}/<path:name>")
    def page(name: str) -> Response:
        if re.search(r"\..+$", name):
            return files.render(name)
        response = files.render("index.html")
        response.set_cookie("vdl_lng", language, samesite="Strict")
        return response

    @app.get(f"{PUBLIC}/api/<path:name>")
    def answer(name: str) -> Response:
        if name == "component_tabs":
            return _json(sorted(call(name, request.args) & set(TABS)))
        if name not in CALLS:
            return _text(f"the board has no {name}", 404)
        body, kind, headers = call(name, request.args)
        return Response(body, mimetype=kind, headers=headers)

    def _text(text: str, status: int) -> Response:
        return Response(f"{text}\n", status, mimetype="text/plain")

    def _json(data: Any) -> Response:
        body = json.dumps({"status": 0, "msg": "", "data": data})
        return Response(body, mimetype="application/json")

    return OneAtATime(app)


def names_this_machine(name: str, host: str) -> bool:
    """Whether the ``Host`` of a request is this machine, and not a name of another site.

    A site can let its own name point to 127.0.0.1, and its script then reads the board through
    the visitor's browser. An address cannot be turned so.

    Args:
        name: Of the request, with or without a port; empty where it has none.
        host: What the board listens on.
    """
    bare = re.sub(r":\d*$", "", name).strip("[]").lower()
    if bare in {"", "localhost", host.lower(), socket.gethostname().lower()}:
        return True
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True


def content_policy(page: str) -> str:
    """The Content-Security-Policy for a page: nothing from elsewhere, no script but its own.

    Args:
        page: HTML; the scripts written in it are allowed by their hash.
    """
    inline = re.findall(r"<script[^>]*>([^<]+)</script>", page)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    scripts = " ".join(f"'sha256-{text}'" for text in hashes)
    return "; ".join(
        [
            "default-src 'self'",
            # The page computes its curves in WebAssembly.
            f"script-src 'self' 'wasm-unsafe-eval' {scripts}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        ]
    )


class OneAtATime:
    """A WSGI application under a lock: VisualDL's readers share state without one.

    With it the server may have a thread for each connection, so that an idle one does not block
    the board.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one request."""
        with self.lock:
            # The answer is taken whole inside the lock, as it may still read the logs.
            answer = self.app(environ, start_response)
            try:
                return list(answer)
            finally:
                getattr(answer, "close", lambda: None)()


# MERGED board.server: Serving the board.


LANGUAGES = ("en", "zh")
# A connection that asks nothing for so long is closed. Its thread and its descriptor are needed.
IDLE_SECONDS = 30
MOST_PORT = 2**16 - 1


def make_board(logdir: str | Path, host: str, port: int, language: str = "en") -> Any:
    """Make a server of the board; call ``serve_forever()`` and ``shutdown()`` on it.

    Args:
        logdir: Folder of runs, or one run. Links in it are not followed.
        host: Address to listen on.
        port: 0 for any free one; see ``server_port`` of the result.
        language: Of the page: ``en`` or ``zh``.

    Raises:
        DataError: ``logdir`` is not a folder.
        RunError: The port is taken or none, or the address cannot be used.
    """
    if not 0 <= port <= MOST_PORT:
        raise RunError(f"there is no port {port}: choose a --port from 0 to {MOST_PORT}")
    if not Path(logdir).is_dir():
        raise DataError(f"{logdir} is not a folder: train a run first, or name one with --logdir")
    # Here, not above: VisualDL takes a second to load.
    from werkzeug.serving import WSGIRequestHandler, make_server

    from paddle_alexnet.board.server import make_application

    class Handler(WSGIRequestHandler):
        timeout = IDLE_SECONDS

        def log(self, *args: object) -> None:
            pass

    app = make_application(logdir, host, language)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # werkzeug has two lines more to say
            return make_server(host, port, app, threaded=True, request_handler=Handler)
    except (OSError, SystemExit) as error:  # werkzeug exits where the port is taken
        raise RunError(f"cannot listen on {host}:{port}: choose another --port") from error

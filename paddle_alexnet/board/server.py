"""Serving the board."""

import contextlib
import io
from pathlib import Path
from typing import Any

from paddle_alexnet.errors import DataError, RunError

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

    from paddle_alexnet.board.application import make_application

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

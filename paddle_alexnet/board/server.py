"""Serving the board."""

import signal
import threading
from pathlib import Path
from typing import Any

from paddle_alexnet.board import cures
from paddle_alexnet.errors import DataError, RunError

LANGUAGES = ("en", "zh")


def make_board(logdir: str | Path, host: str, port: int, language: str = "en") -> Any:
    """Make a server of the board; call ``serve_forever()`` and ``shutdown()`` on it.

    Args:
        logdir: Folder of runs, or one run.
        host: Address to listen on.
        port: 0 for any free one; see ``server_port`` of the result.
        language: Of the page: ``en`` or ``zh``.

    Raises:
        DataError: ``logdir`` is not a folder.
        RunError: The port is taken, or the address cannot be used.
    """
    if not Path(logdir).is_dir():
        raise DataError(f"{logdir} is not a folder: train a run first, or name one with --logdir")
    from visualdl.server.app import create_app
    from visualdl.server.args import ParseArgs
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *args: object) -> None:
            pass

    cures.read_whole_records_only()
    cures.let_the_process_end()
    cures.quiet_server()
    settings = ParseArgs(
        logdir=[str(logdir)],
        host=host,
        port=port,
        cache_timeout=20,
        # Without a language the page answers 500 to browsers that prefer another one.
        language=language,
        telemetry=False,
    )
    app = _create_app(create_app, settings)
    try:
        return make_server(host, port, cures.OneAtATime(app), threaded=True, request_handler=Silent)
    except (OSError, SystemExit) as error:  # werkzeug exits where the port is taken
        raise RunError(f"cannot listen on {host}:{port}: choose another --port") from error


def _create_app(create_app: Any, settings: Any) -> Any:
    """VisualDL's application without its change of the process's SIGINT."""
    if threading.current_thread() is not threading.main_thread():
        return create_app(settings)
    handler = signal.getsignal(signal.SIGINT)
    try:
        return create_app(settings)
    finally:
        signal.signal(signal.SIGINT, handler)

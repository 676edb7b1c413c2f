"""A board that is served while a test runs."""

import threading
from contextlib import contextmanager

import pytest

from paddle_alexnet.board.server import make_board


@pytest.fixture(scope="session")
def serving():
    """A context manager that serves a folder of logs and yields the address of the board."""

    @contextmanager
    def serve(logdir, language="en"):
        server = make_board(logdir, "127.0.0.1", 0, language)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return serve

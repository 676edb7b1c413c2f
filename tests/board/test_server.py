"""The board, asked over HTTP as a browser would."""

import json
import signal
import socket
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from paddle_alexnet.board import server, visualdl_patches
from paddle_alexnet.board.server import make_board
from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.errors import DataError, RunError


@pytest.fixture
def logdir(tmp_path):
    with BoardWriter(tmp_path / "run1") as writer:
        for step in range(3):
            writer.scalar("val/top1", step / 4, step)
        writer.image("panels/val", np.full((8, 8, 3), 99, np.uint8), 0)
    return tmp_path


@pytest.fixture
def board(serving, logdir):
    with serving(logdir, "zh") as address:
        yield address


def ask_api(board, path, run):
    """Ask as the page does: for the names of runs first, then for one of them."""
    runs = json.loads(ask(f"{board}/app/api/runs")[1])["data"]
    (name,) = [name for name in runs if Path(name).name == run]
    ask(f"{board}/app/api/scalar/tags")
    return ask(f"{board}/app/api/{path}&run={urllib.parse.quote(name, safe='')}")


def ask(address, headers=None):
    request = urllib.request.Request(address, headers=headers or {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read()


@pytest.mark.parametrize(
    "headers", [{}, {"Accept-Language": "fr"}, {"Accept-Language": "zh"}], ids=str
)
def test_the_page_opens_in_any_language(board, headers):
    """The stock server answers 500 where the browser prefers neither en nor zh."""
    status, page = ask(f"{board}/app/index", headers)
    assert status == 200
    assert b"<html" in page


def test_the_page_names_no_outside_telemetry(board):
    _, page = ask(f"{board}/app/index")
    assert b"63a600296f8a71f576c4806376a9245b" not in page  # the id of VisualDL's counter


def test_points_and_pictures_arrive(board):
    status, body = ask_api(board, "scalar/list?tag=val%2Ftop1", "run1")
    points = json.loads(body)["data"]
    assert status == 200
    assert [point[2] for point in points] == [0.0, 0.25, 0.5]
    status, body = ask_api(board, "image/image?tag=panels%2Fval&index=0&wallTime=0", "run1")
    assert body.startswith(b"\x89PNG")


def test_idle_connections_do_not_block(board):
    host, port = board.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(10)]
    assert ask(f"{board}/app/index")[0] == 200
    for connection in idle:
        connection.close()


def test_a_connection_that_asks_nothing_is_closed(monkeypatch, serving, logdir):
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    with serving(logdir) as board:
        host, port = board.removeprefix("http://").split(":")
        for said in (b"", b"GET /app/index HT"):
            with socket.create_connection((host, int(port)), timeout=20) as idle:
                idle.sendall(said)
                assert idle.recv(100) == b""  # the end; without the limit: nothing for 20 s


def test_a_half_written_record_does_not_stop_other_runs(serving, logdir):
    path = logdir / "run1" / visualdl_patches.LOG_NAME
    with BoardWriter(logdir / "run2") as writer:
        writer.scalar("val/top1", 0.9, 1)
    path.write_bytes(path.read_bytes()[:-5])
    with serving(logdir) as board:
        for run, points in (("run2", 1), ("run1", 3)):  # the picture was the last record
            body = ask_api(board, "scalar/list?tag=val%2Ftop1", run)[1]
            assert len(json.loads(body)["data"]) == points


def test_the_process_can_end(logdir):
    """VisualDL's own application starts a thread that would keep the process for ever."""
    make_board(logdir, "127.0.0.1", 0).server_close()
    lasting = [t.name for t in threading.enumerate() if not t.daemon]
    assert lasting == [threading.main_thread().name]


def test_ctrl_c_still_reaches_the_process(logdir):
    before = signal.getsignal(signal.SIGINT)
    make_board(logdir, "127.0.0.1", 0).server_close()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_ports_that_there_are_not(logdir, port):
    """The system would take 99999 for 34463."""
    with pytest.raises(RunError, match=f"no port {port}.*from 0 to 65535"):
        make_board(logdir, "127.0.0.1", port)


def test_a_missing_folder_and_a_taken_port(logdir, tmp_path, capfd):
    with pytest.raises(DataError, match="--logdir"):
        make_board(tmp_path / "no", "127.0.0.1", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RunError, match="--port"):
            make_board(logdir, "127.0.0.1", taken.getsockname()[1])
    with pytest.raises(RunError, match="cannot listen"):
        make_board(logdir, "203.0.113.7", 0)
    assert capfd.readouterr().err == ""  # the error says it all

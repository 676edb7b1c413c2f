"""The board under connections that come and go, and with logs that are damaged."""

import random
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from werkzeug.test import Client

from paddle_alexnet.board import server, visualdl_patches
from paddle_alexnet.board.writer import BoardWriter

TOP = Path(__file__).parents[2]


def write(folder):
    with BoardWriter(folder) as writer:
        for step in range(5):
            writer.scalar("x", step, step)
    return folder / visualdl_patches.LOG_NAME


@pytest.fixture
def process(tmp_path):
    """A board in a process of its own, and its port."""
    write(tmp_path / "run")
    process = subprocess.Popen(
        [sys.executable, TOP / "tools/board.py", "--logdir", tmp_path, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=TOP,
    )
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline()).group(1))
        yield psutil.Process(process.pid), port
    finally:
        process.kill()
        process.communicate()


def ask(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/app/api/runs", timeout=60) as answer:
        return answer.status


def has(board, more_than):
    """Whether a process has more descriptors or threads than ``more_than``."""
    descriptors, threads = more_than
    return board.num_fds() > descriptors or board.num_threads() > threads


def say_nothing(connection):
    pass


def break_off(connection):
    connection.sendall(b"GET /app/index HTTP/1.1\r\nHost: 127.")


def do_not_listen(connection):
    connection.sendall(b"GET /app/index HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")


def talk_nonsense(connection):
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")


def reset(connection):
    do_not_listen(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.skipif(not hasattr(psutil.Process, "num_fds"), reason="Windows has no descriptors")
def test_connections_that_come_and_go_leave_nothing_behind(process, amount, count):
    board, port = process
    manners = [say_nothing, break_off, do_not_listen, talk_nonsense, reset]

    def connect(times):
        for manner in manners * times:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
                manner(connection)
        assert ask(port) == 200

    connect(1)
    time.sleep(2)  # for the threads of these to end
    # A descriptor or thread that one manner leaves each time would be ten and more.
    before = board.num_fds() + 2, board.num_threads() + 2
    cycles = amount(50, 1000)
    connect(cycles // len(manners))
    deadline = time.monotonic() + 60  # the last answers are still being written
    while has(board, more_than=before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not has(board, more_than=before)
    count("connections to the board opened and closed", cycles)


def test_a_damaged_log_leaves_the_other_run_on_the_board(tmp_path, amount, count):
    """Bits flipped and ends cut off anywhere; the board is made anew for each."""
    whole = write(tmp_path / "log").read_bytes()
    chosen = random.Random(0)
    tries = amount(30, 300)
    for number in range(tries):
        logdir = tmp_path / str(number)
        write(logdir / "good")
        data = bytearray(whole)
        if number % 2:
            bit = chosen.randrange(8 * len(data))
            data[bit // 8] ^= 1 << bit % 8
        else:
            del data[chosen.randrange(len(data)) :]
        (logdir / "bad").mkdir()
        (logdir / "bad" / visualdl_patches.LOG_NAME).write_bytes(data)
        board = Client(server.make_application(logdir, "127.0.0.1", "en"))
        assert board.get("/app/api/scalar/tags").status_code == 200
        assert len(points(board, logdir / "good")) == 5
        if not number % 2:
            ends = [len(whole) - len(rest) for rest in records(whole)]
            lost = sum(end > len(data) for end in ends)
            assert len(points(board, logdir / "bad") or []) == max(0, 5 - lost)
    count("boards over a damaged or half-written log", tries)


def points(board, run):
    return board.get(f"/app/api/scalar/list?tag=x&run={run}").get_json()["data"]


def records(data):
    """What is left of a log behind each of its records."""
    while data:
        data = data[8 + struct.unpack_from("<Q", data)[0] :]
        yield data

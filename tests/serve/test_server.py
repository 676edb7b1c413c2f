"""Bounds on connections, and the end of a server, seen from raw sockets."""

import json
import socket
import tempfile
import threading
import time

import pytest
import waitress.adjustments
import waitress.buffers

from paddle_alexnet.errors import RunError
from paddle_alexnet.serve.limits import COPIES, Limits, Memory
from paddle_alexnet.serve.server import HEADER_BYTES, LINE_BYTES, Server

BODY = 200_000
SMALL = {"body": BODY, "pixels": 1000}


def echo(environ, start_response):
    """Answers how many bytes came."""
    data = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(data)).encode()]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def head(*lines, path="/x"):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def read(connection):
    """Status, headers and body of the next answer; (None, {}, b"") at the end."""
    file = connection.makefile("rb")
    status = file.readline()
    if not status:
        return None, {}, b""
    headers = {}
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return int(status.split()[1]), headers, file.read(int(headers.get("content-length", 0)))


def ask(port, data):
    with connect(port) as connection:
        connection.sendall(data)
        return read(connection)


def chunked(data, size=5000):
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def plain(data):
    return head(f"Content-Length: {len(data)}") + data


def in_chunks(data):
    return head("Transfer-Encoding: chunked") + chunked(data)


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("send", [plain, in_chunks])
def test_a_body_up_to_the_limit_and_no_byte_more(run, send):
    counted = []
    running = run(echo, count=counted.append, **SMALL)
    assert ask(running.port, send(bytes(BODY)))[::2] == (200, str(BODY).encode())
    status, headers, body = ask(running.port, send(bytes(BODY + 1)))
    assert (status, headers["connection"]) == (413, "close")
    assert f"{BODY:,}" in json.loads(body)["error"]
    assert body.count(b"\n") == 1
    assert counted == [413]
    wait_for(lambda: running.memory.taken == 0)


@pytest.mark.parametrize("claimed", [10**9, 10**30])
def test_an_answer_arrives_while_its_sender_still_sends(run, claimed):
    """waitress would close at once; TCP then resets the connection, and the answer is lost."""
    running = run(echo, **SMALL)
    with connect(running.port) as connection:
        connection.sendall(head(f"Content-Length: {claimed}"))
        for _ in range(100):
            connection.sendall(bytes(50_000))
        assert read(connection)[0] == 413
    wait_for(lambda: not running.server.active_channels)


def test_localhost_is_there_by_ipv4_and_without_a_name(make_app):
    app = make_app(**SMALL)
    server = Server(app, "localhost", 0, limits=Limits(**SMALL), memory=app.memory, threads=1)
    assert server.family == socket.AF_INET
    done = threading.Event()
    thread = threading.Thread(target=server.serve, args=(done.is_set,))
    thread.start()
    assert ask(server.port, b"GET /healthz HTTP/1.0\r\n\r\n")[0] == 200
    done.set()
    thread.join(60)


def test_too_large_a_body_is_refused_before_it_is_sent(run):
    """curl and others wait to be asked for large bodies."""
    running = run(echo, **SMALL)
    status, _, _ = ask(running.port, head(f"Content-Length: {BODY + 1}", "Expect: 100-continue"))
    assert status == 413
    with connect(running.port) as connection:
        connection.sendall(head("Content-Length: 3", "Expect: 100-continue"))
        assert read(connection)[0] == 100
        connection.sendall(b"abc")
        assert read(connection)[::2] == (200, b"3")


def test_all_connections_together_hold_no_more_than_the_memory(run):
    memory = Memory(COPIES * BODY)
    running = run(echo, shared=memory, **SMALL)
    with connect(running.port) as first, connect(running.port) as second:
        first.sendall(plain(bytes(BODY))[:-1])  # waits for a last byte
        wait_for(lambda: memory.taken > COPIES * (BODY - 2))
        second.sendall(plain(bytes(1000)))
        status, headers, body = read(second)
        assert (status, headers["retry-after"]) == (503, "1")
        assert set(json.loads(body)) == {"error"}
        first.sendall(b"\0")
        assert read(first)[::2] == (200, str(BODY).encode())
    wait_for(lambda: memory.taken == 0)
    assert ask(running.port, plain(bytes(1000)))[0] == 200


@pytest.mark.parametrize("send", [plain, in_chunks])
def test_who_leaves_early_gives_the_memory_back(run, send):
    running = run(echo, **SMALL)
    for _ in range(5):
        with connect(running.port) as connection:
            connection.sendall(send(bytes(BODY))[:-10])
            wait_for(lambda: running.memory.taken)
    wait_for(lambda: running.memory.taken == 0)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        head("Content-Length: -1"),
        head("Content-Length: a"),
        head("Transfer-Encoding: gzip"),
        head("Transfer-Encoding: chunked") + b"zz\r\n",
        head("Transfer-Encoding: chunked") + b"1" * (LINE_BYTES + 2),
        head("Transfer-Encoding: chunked") + b"0\r\n" + b"a" * (LINE_BYTES + 2),
        head("X: " + "x" * HEADER_BYTES),
    ],
    ids=["TLS", "negative", "word", "gzip", "chunk", "long chunk", "trailer", "headers"],
)
def test_what_is_no_request_gets_one_line(run, data):
    running = run(echo, **SMALL)
    status, headers, body = ask(running.port, data)
    assert 400 <= status <= 501
    assert headers["content-type"] == "application/json"
    assert set(json.loads(body)) == {"error"}
    wait_for(lambda: running.memory.taken == 0)


def test_silent_and_slow_connections_are_closed(run):
    running = run(echo, idle=0.5, receiving=2.0, **SMALL)
    with connect(running.port) as silent, connect(running.port) as slow:
        slow.sendall(head("Content-Length: 1000"))
        assert silent.recv(10) == b""
        try:
            while True:  # a byte now and then, for ever
                slow.sendall(b"a")
                time.sleep(0.1)
        except OSError:
            pass
    wait_for(lambda: not running.server.active_channels)
    assert running.memory.taken == 0


class Gate:
    """An application that answers when it is let."""

    def __init__(self):
        self.go, self.inside = threading.Event(), threading.Semaphore(0)

    def __call__(self, environ, start_response):
        self.inside.release()
        assert self.go.wait(60)
        return echo(environ, start_response)


def test_where_too_many_wait_the_others_are_refused(run):
    gate = Gate()
    running = run(gate, waiting=2, **SMALL)
    connections = []

    def send_one():
        connections.append(connect(running.port))
        connections[-1].sendall(plain(b"abc"))

    for _ in range(4):  # threads
        send_one()
        assert gate.inside.acquire(timeout=60)
    for waiting in (1, 2, 3):
        send_one()
        wait_for(lambda: len(running.server.task_dispatcher.queue) == waiting)  # noqa: B023
    gate.go.set()
    assert [read(connection)[0] for connection in connections] == [200] * 6 + [503]
    for connection in connections:
        connection.close()


def test_the_end_answers_what_is_under_way(run):
    """One in the application, one half sent, one that waits on a connection to be accepted."""
    gate = Gate()
    running = run(gate, **SMALL)
    inside, half, idle = (connect(running.port) for _ in range(3))
    inside.sendall(plain(b"inside"))
    assert gate.inside.acquire(timeout=60)
    half.sendall(plain(b"half")[:-2])
    wait_for(lambda: running.memory.taken)
    running.begin_to_stop()
    wait_for(lambda: running.server.ending and not running.server.accepting)
    half.sendall(b"lf")
    gate.go.set()
    for connection, size in ((inside, b"6"), (half, b"4")):
        status, headers, body = read(connection)
        assert (status, body) == (200, size)
    assert headers["connection"] == "close"  # of the one that began after the signal
    running.stop()
    assert idle.recv(10) == b""
    with pytest.raises(OSError):
        connect(running.port)
    for connection in (inside, half, idle):
        connection.close()


def test_the_end_does_not_wait_for_ever(run):
    running = run(echo, ending=0.5, **SMALL)
    with connect(running.port) as half:
        half.sendall(plain(b"half")[:-2])
        wait_for(lambda: running.memory.taken)
        running.stop()
        assert half.recv(10) == b""


@pytest.fixture
def spooled(monkeypatch):
    """How often waitress asked for a temporary file, which it did not get."""
    asked = []

    def refuse(*words, **options):
        asked.append(words)
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    return asked


@pytest.mark.parametrize("send", [plain, in_chunks])
def test_no_body_goes_to_the_disk(run, spooled, send):
    """Below the limit; waitress's default is a file above half a megabyte."""
    running = run(echo, body=3_000_000, pixels=1000)
    assert ask(running.port, send(bytes(2_999_999)))[::2] == (200, b"2999999")
    assert spooled == []


def test_an_answer_does_not_go_to_the_disk_either(run, spooled):
    def large(environ, start_response):
        start_response("200 OK", [("Content-Length", "2000000")])
        return [bytes(2_000_000)]

    assert len(ask(run(large, body=3_000_000, pixels=1000).port, plain(b"a"))[2]) == 2_000_000
    assert spooled == []


def test_waitress_itself_would_write_to_the_disk(spooled):
    """What the two tests above replace is what it uses."""
    buffer = waitress.buffers.OverflowableBuffer(waitress.adjustments.Adjustments().inbuf_overflow)
    with pytest.raises(AssertionError, match="temporary"):
        buffer.append(bytes(1_000_000))
    assert len(spooled) == 1


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_ports(port):
    with pytest.raises(RunError, match=f"{port}.*--port"):
        Server(echo, "127.0.0.1", port, limits=Limits(), memory=Memory(1), threads=1)


def test_addresses_that_cannot_be_used():
    before = threading.active_count()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for host, port in (
            ("127.0.0.1", taken.getsockname()[1]),
            ("203.0.113.7", 0),
            ("no host", 0),
        ):
            with pytest.raises(RunError, match="--port") as error:
                Server(echo, host, port, limits=Limits(), memory=Memory(1), threads=1)
            assert host in str(error.value)
    assert threading.active_count() == before

"""The board over HTTP, and what it refuses compared with VisualDL's own application."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from paddle import nn
from werkzeug.test import Client

from paddle_alexnet.board import server, visualdl_patches
from paddle_alexnet.board.server import make_board
from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.errors import DataError, RunError
from paddle_alexnet.runtime.hosts import HEADERS

LOOPBACK = "127.0.0.1"
# Requests to both applications: method, path, and Host.
TRIED = {
    "the run": ("GET", "/app/api/runs", LOOPBACK),
    "an upload": ("POST", "/app/api/graph/upload", LOOPBACK),
    "a model": ("GET", "/app/api/graph/static_graph", LOOPBACK),
    "a profile": ("GET", "/app/api/profiler/runs", LOOPBACK),
    "another name": ("GET", "/app/api/runs", "rebound.example"),
    "a curve by POST": ("POST", "/app/api/runs", LOOPBACK),
    "outside by a link": ("GET", "/app/api/scalar/tags", LOOPBACK),
}
STOCK = """
import json, sys, os
from visualdl.server.app import create_app
from visualdl.server.args import ParseArgs
settings = ParseArgs(logdir=[sys.argv[1]], host="127.0.0.1", port=1, telemetry=False, language="en")
client = create_app(settings).test_client()
answers = {}
for name, (method, path, host) in json.loads(sys.argv[2]).items():
    answer = client.open(path, method=method, headers={"Host": host})
    answers[name] = [answer.status_code, answer.get_data(as_text=True)]
print(json.dumps(answers), flush=True)
os._exit(0)  # its profiler starts a thread that never ends
"""
# Serves a folder, requests a page and two calls, and prints the addresses it connected to.
WATCHED = """
import json, sys, threading, urllib.request
places = set()
def watch(event, words):
    if event in ("socket.connect", "socket.sendto"):
        places.add(words[1][0])
sys.addaudithook(watch)
from paddle_alexnet.board.server import make_board
board = make_board(sys.argv[1], "127.0.0.1", 0)
threading.Thread(target=board.serve_forever, daemon=True).start()
for path in ("app/index", "app/api/component_tabs", "app/api/scalar/tags"):
    urllib.request.urlopen(f"http://127.0.0.1:{board.server_port}/{path}", timeout=60).read()
print(json.dumps(sorted(places)))
"""


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
    """Request as the page does: first the names of the runs, then one of them."""
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
    """The stock server answers 500 if the browser prefers neither en nor zh."""
    status, page = ask(f"{board}/app/index", headers)
    assert status == 200
    assert b"<html" in page


def test_the_page_has_no_telemetry(board):
    _, page = ask(f"{board}/app/index")
    assert b"63a600296f8a71f576c4806376a9245b" not in page  # the id of VisualDL's counter


def test_points_and_images_arrive(board):
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


def test_an_idle_connection_is_closed(monkeypatch, serving, logdir):
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    with serving(logdir) as board:
        host, port = board.removeprefix("http://").split(":")
        for said in (b"", b"GET /app/index HT"):
            with socket.create_connection((host, int(port)), timeout=20) as idle:
                idle.sendall(said)
                assert idle.recv(100) == b""  # closed; without the limit, nothing for 20 s


def test_a_half_written_record_does_not_stop_other_runs(serving, logdir):
    path = logdir / "run1" / visualdl_patches.LOG_NAME
    with BoardWriter(logdir / "run2") as writer:
        writer.scalar("val/top1", 0.9, 1)
    path.write_bytes(path.read_bytes()[:-5])
    with serving(logdir) as board:
        for run, points in (("run2", 1), ("run1", 3)):  # the image was the last record
            body = ask_api(board, "scalar/list?tag=val%2Ftop1", run)[1]
            assert len(json.loads(body)["data"]) == points


def test_the_process_can_end(logdir):
    """VisualDL's own application starts a thread that keeps the process alive."""
    make_board(logdir, "127.0.0.1", 0).server_close()
    lasting = [t.name for t in threading.enumerate() if not t.daemon]
    assert lasting == [threading.main_thread().name]


def test_ctrl_c_still_reaches_the_process(logdir):
    before = signal.getsignal(signal.SIGINT)
    make_board(logdir, "127.0.0.1", 0).server_close()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_impossible_ports(logdir, port):
    """The system would use 99999 modulo 65536."""
    with pytest.raises(RunError, match=f"{port}.*--port"):
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
    assert capfd.readouterr().err == ""  # the error is enough


@pytest.fixture(scope="module")
def top_runs(tmp_path_factory):
    """A folder with one run; outside of it a file and a run that the board must not show."""
    top = tmp_path_factory.mktemp("top")
    inside = top / "runs"
    with BoardWriter(inside / "own") as writer:
        writer.scalar("val/top1", 0.5, 1)
        writer.hparams({"optimizer.lr": 0.01}, ["val/top1"])
        writer.image("panels/val", np.full((8, 8, 3), 99, np.uint8), 0)
        writer.curves("daisy", np.arange(9) > 5, np.linspace(0, 1, 9), 1)
        writer.text("classes", "daisy\n  0.5", 1)
        writer.histogram("weights", np.arange(9.0), 1)
        writer.embeddings("block7", np.eye(3), {"class": ["a", "b", "c"]})
        writer.graph(nn.Sequential(nn.Linear(4, 2)), [-1, 4])
    (inside / "own" / "host_time_1.paddle_trace.json").write_text("{}")
    with BoardWriter(top / "elsewhere") as writer:
        writer.scalar("salary", 1, 1)
    (inside / "link").symlink_to(top / "elsewhere")
    (top / "elsewhere" / "secret.log").write_text("the secret")
    return inside


@pytest.fixture(scope="module")
def stock(top_runs):
    """Status and text that VisualDL's own application answers to each request."""
    done = subprocess.run(
        [sys.executable, "-c", STOCK, str(top_runs), json.dumps(TRIED)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "GLOG_minloglevel": "2"},
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def ask_app(top_runs):
    client = Client(server.make_application(top_runs, LOOPBACK, "en"))

    def ask(path, method="GET", host=LOOPBACK, **options):
        return client.open(path, method=method, headers={"Host": host}, **options)

    return ask


def ask_tried(ask_app, name):
    method, path, host = TRIED[name]
    answer = ask_app(path, method, host)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("name", "status"),
    [("an upload", 405), ("a curve by POST", 405), ("a model", 404), ("a profile", 404)],
)
def test_calls_that_are_not_needed_do_not_exist(stock, ask_app, name, status):
    assert stock[name][0] == 200
    assert ask_tried(ask_app, name)[0] == status


def test_a_profile_in_the_folder_is_not_opened(stock):
    """VisualDL starts a process for each profile, in which Paddle reads it."""
    assert "own" in stock["a profile"][1]
    assert not [name for name in sys.modules if name.endswith("profiler_reader")]


def test_code_that_starts_servers_or_installs_packages_is_not_loaded():
    assert "visualdl.server.app" not in sys.modules


def test_a_link_to_a_folder_outside_is_not_followed(stock, ask_app):
    assert "salary" in stock["outside by a link"][1]
    status, text = ask_tried(ask_app, "outside by a link")
    assert status == 200
    assert "val" in text
    assert "salary" not in text


def test_dns_rebinding_is_refused(stock, ask_app):
    """A site can let its name point to 127.0.0.1 and read the board through a visitor."""
    assert "own" in stock["another name"][1]
    status, text = ask_tried(ask_app, "another name")
    assert status == 403
    assert "rebound.example" in text
    assert "own" not in text


def test_a_run_inside_can_be_named(ask_app, top_runs):
    answer = ask_app(f"/app/api/scalar/list?tag=val/top1&run={top_runs / 'own'}")
    assert [point[2] for point in answer.get_json()["data"]] == [0.5]
    (run,) = ask_app("/app/api/graph_runs").get_json()["data"]
    assert run == "own"
    assert ask_app(f"/app/api/graph/graph?run={run}").get_json()["data"]["nodes"]


@pytest.mark.parametrize("folder", ["elsewhere", "runs/../elsewhere", "runs/link"])
@pytest.mark.parametrize("call", ["scalar/list?tag=salary", "scalar/data?tag=salary&type=tsv"])
def test_no_run_outside_can_be_named(ask_app, top_runs, call, folder):
    for run in (str(top_runs.parent / folder), os.path.relpath(top_runs.parent / folder)):
        answer = ask_app(f"/app/api/{call}&run={run}")
        points = answer.get_json()["data"] if answer.mimetype == "application/json" else None
        assert not points
        assert b"salary" not in answer.data.replace(run.encode(), b"")


def test_a_name_that_is_allowed_is_answered_and_no_other(top_runs):
    app = server.make_application(top_runs, LOOPBACK, "en", allowed=["Gpu.example"])
    client = Client(app)
    for host, status in (
        ("gpu.example", 200),
        ("gpu.example:8443", 200),
        ("x.gpu.example", 403),
        ("gpu.example.evil", 403),
    ):
        assert client.get("/app/api/runs", headers={"Host": host}).status_code == status


def test_a_board_at_a_path_of_a_proxy(top_runs):
    """Some proxies pass the path on, some take it away."""
    client = Client(server.make_application(top_runs, LOOPBACK, "en", prefix="/a/board"))
    for path in ("/", "/a/board", "/a/board/"):
        assert client.get(path).headers["Location"] == "/a/board/app/index"
    for path in ("/a/board/app/index", "/app/index"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'href="/a/board/app/' in page.text or "href=/a/board/app/" in page.text
    assert client.get("/a/board/app/api/runs").get_json()["data"] == ["own"]
    assert client.get("/a/boards/app/index").status_code == 404
    env = client.get("/a/board/app/__snowpack__/env.local.js").text
    assert '"/a/board/app/api"' in env


@pytest.mark.parametrize("prefix", ["board", "/a b", "/<script>", "/a//b", '/"'])
def test_a_prefix_that_is_no_path(top_runs, prefix):
    with pytest.raises(RunError, match="--prefix"):
        make_board(top_runs, LOOPBACK, 0, prefix=prefix)


def test_boards_of_one_process_share_no_runs(ask_app, top_runs, tmp_path):
    another = Client(server.make_application(tmp_path, LOOPBACK, "en"))
    call = f"/app/api/scalar/list?tag=val/top1&run={top_runs / 'own'}"
    assert another.get(call).get_json()["data"] is None
    assert ask_app(call).get_json()["data"]


@pytest.mark.parametrize("call", ["graph/graph", "graph/get_all_nodes", "graph/search"])
def test_no_graph_outside_can_be_named(ask_app, top_runs, call):
    ask_app("/app/api/graph_runs")  # the names are known from here
    for run in (top_runs.parent / "elsewhere", "manual_input_model", "/etc"):
        assert not ask_app(f"/app/api/{call}?run={run}&nodeid=/").get_json()["data"]


@pytest.mark.parametrize(
    "path",
    [
        "/app/../../elsewhere/secret.log",
        "/app/%2e%2e/%2e%2e/elsewhere/secret.log",
        "/app/..%2f..%2felsewhere%2fsecret.log",
        "/app//etc/hosts.allow",
        "/app/....//....//secret.log",
        "/app/..\\..\\secret.log",
        "/app/%00.log",
    ],
)
def test_files_outside_the_page_are_not_served(ask_app, path):
    assert ask_app(path).status_code in (404, 302, 308)


def test_every_allowed_call_answers(ask_app, top_runs):
    """VisualDL knows each of them, and answers with JSON, a table or an image."""
    run = str(top_runs / "own")
    ask_app("/app/api/scalar/tags")
    for call in sorted(server.CALLS):
        words = {"run": run, "tag": "val/top1", "metric": "val/top1", "type": "tsv", "nodeid": "/"}
        answer = ask_app(f"/app/api/{call}", query_string=words)
        assert answer.status_code == 200
        assert b"api not found" not in answer.data


def test_the_tabs_are_those_a_run_can_fill(ask_app):
    tabs = ask_app("/app/api/component_tabs").get_json()["data"]
    assert tabs == list(server.TABS)


def test_the_page_may_load_nothing_from_elsewhere(ask_app):
    answer = ask_app("/app/index")
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'self'"
    assert "connect-src" not in policy  # default-src applies to it
    assert "unsafe" not in policy["script-src"].replace("wasm-unsafe-eval", "")
    assert policy["script-src"].count("sha256-") == 1
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "hm.baidu.com" not in answer.get_data(as_text=True)
    assert 'TELEMETRY_ID=""' in ask_app("/app/__snowpack__/env.local.js").get_data(as_text=True)


def test_no_other_machine_is_contacted(top_runs):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(top_runs)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [LOOPBACK]


def test_a_request_without_data_does_not_block_others(ask_app, monkeypatch):
    """The stock server tries three times and sleeps in between, and all others wait."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    assert ask_app("/app/api/scalar/list?run=no&tag=no").get_json()["data"] is None
    assert slept == []


def test_requests_are_answered_one_at_a_time():
    inside, most = 0, 0

    def app(environ, start_response):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)
        inside -= 1
        yield b"done"

    guarded = server.OneAtATime(app)
    threads = [threading.Thread(target=guarded, args=({}, None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_with_colons_is_a_folder_and_not_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with BoardWriter(tmp_path / "hdfs:" / "host") as writer:
        writer.scalar("x", 1, 1)
    client = Client(server.make_application("hdfs://host", LOOPBACK, "en"))
    assert client.get("/app/api/runs").get_json()["data"] == ["host"]
    assert (tmp_path / "hdfs:" / "host" / visualdl_patches.LOG_NAME).exists()

"""What the board refuses, each beside what VisualDL's own application does."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from paddle import nn
from werkzeug.test import Client

from paddle_alexnet.board import application, visualdl_patches
from paddle_alexnet.board.writer import BoardWriter

LOOPBACK = "127.0.0.1"
# What is tried: method, path, and the Host it is asked by.
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
os._exit(0)  # its profiler has a thread that never ends
"""
# Serves a folder, asks for a page and a call, and prints where the process connected to.
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


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """One run, and beside the folder a file and a run that are no business of the board."""
    top = tmp_path_factory.mktemp("top")
    inside = top / "runs"
    with BoardWriter(inside / "own") as writer:
        writer.scalar("val/top1", 0.5, 1)
        writer.hparams({"optimizer.lr": 0.01}, ["val/top1"])
        writer.image("panels/val", np.full((8, 8, 3), 99, np.uint8), 0)
        writer.curves("daisy", np.arange(9) > 5, np.linspace(0, 1, 9), 1)
        writer.graph(nn.Sequential(nn.Linear(4, 2)), [-1, 4])
    (inside / "own" / "host_time_1.paddle_trace.json").write_text("{}")
    with BoardWriter(top / "elsewhere") as writer:
        writer.scalar("salary", 1, 1)
    (inside / "link").symlink_to(top / "elsewhere")
    (top / "elsewhere" / "secret.log").write_text("the secret")
    return inside


@pytest.fixture(scope="module")
def stock(logdir):
    """What VisualDL's own application answers to what is tried: status and text."""
    done = subprocess.run(
        [sys.executable, "-c", STOCK, str(logdir), json.dumps(TRIED)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "GLOG_minloglevel": "2"},
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def board(logdir):
    client = Client(application.make_application(logdir, LOOPBACK, "en"))

    def ask(path, method="GET", host=LOOPBACK, **options):
        return client.open(path, method=method, headers={"Host": host}, **options)

    return ask


def ask_tried(board, name):
    method, path, host = TRIED[name]
    answer = board(path, method, host)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("name", "status"),
    [("an upload", 405), ("a curve by POST", 405), ("a model", 404), ("a profile", 404)],
)
def test_what_is_not_needed_does_not_exist(stock, board, name, status):
    assert stock[name][0] == 200
    assert ask_tried(board, name)[0] == status


def test_a_profile_in_the_folder_is_not_opened(stock):
    """VisualDL starts a process for each, and Paddle reads it."""
    assert "own" in stock["a profile"][1]
    assert not [name for name in sys.modules if name.endswith("profiler_reader")]


def test_nothing_that_starts_servers_or_installs_packages_is_loaded():
    assert "visualdl.server.app" not in sys.modules


def test_a_folder_outside_is_not_read_over_a_link(stock, board):
    assert "salary" in stock["outside by a link"][1]
    status, text = ask_tried(board, "outside by a link")
    assert status == 200
    assert "val" in text
    assert "salary" not in text


def test_a_name_of_another_site_is_refused(stock, board):
    """A site can let its name point to 127.0.0.1 and read the board through a visitor."""
    assert "own" in stock["another name"][1]
    status, text = ask_tried(board, "another name")
    assert status == 403
    assert "rebound.example" in text
    assert "own" not in text


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("127.0.0.1:8040", True),
        ("localhost:8040", True),
        ("LOCALHOST", True),
        ("[::1]:8040", True),
        ("192.168.1.7:8040", True),
        ("gpu.example:8040", True),  # what it listens on
        ("127.0.0.1.example:8040", False),
        ("localhost.example", False),
        ("gpu.example.org", False),
        ("evil:8040", False),
    ],
)
def test_which_names_are_answered(name, allowed):
    assert application.names_this_machine(name, "gpu.example") == allowed


def test_a_run_inside_can_be_named(board, logdir):
    answer = board(f"/app/api/scalar/list?tag=val/top1&run={logdir / 'own'}")
    assert [point[2] for point in answer.get_json()["data"]] == [0.5]
    (run,) = board("/app/api/graph_runs").get_json()["data"]
    assert run == str(logdir / "own")
    assert board(f"/app/api/graph/graph?run={run}").get_json()["data"]["nodes"]


@pytest.mark.parametrize("folder", ["elsewhere", "runs/../elsewhere", "runs/link"])
@pytest.mark.parametrize("call", ["scalar/list?tag=salary", "scalar/data?tag=salary&type=tsv"])
def test_no_run_outside_can_be_named(board, logdir, call, folder):
    for run in (str(logdir.parent / folder), os.path.relpath(logdir.parent / folder)):
        answer = board(f"/app/api/{call}&run={run}")
        points = answer.get_json()["data"] if answer.mimetype == "application/json" else None
        assert not points
        assert b"salary" not in answer.data.replace(run.encode(), b"")


def test_another_board_of_the_process_knows_nothing_of_the_run(board, logdir, tmp_path):
    another = Client(application.make_application(tmp_path, LOOPBACK, "en"))
    call = f"/app/api/scalar/list?tag=val/top1&run={logdir / 'own'}"
    assert another.get(call).get_json()["data"] is None
    assert board(call).get_json()["data"]


@pytest.mark.parametrize("call", ["graph/graph", "graph/get_all_nodes", "graph/search"])
def test_no_graph_outside_can_be_named(board, logdir, call):
    board("/app/api/graph_runs")  # the names are known from here
    for run in (logdir.parent / "elsewhere", "manual_input_model", "/etc"):
        assert not board(f"/app/api/{call}?run={run}&nodeid=/").get_json()["data"]


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
def test_files_outside_the_page_are_not_served(board, path):
    assert board(path).status_code in (404, 302, 308)


def test_every_call_that_is_left_answers(board, logdir):
    """Each is known to VisualDL, and its answer is JSON, a table or a picture."""
    run = str(logdir / "own")
    board("/app/api/scalar/tags")
    for call in sorted(application.CALLS):
        words = {"run": run, "tag": "val/top1", "metric": "val/top1", "type": "tsv", "nodeid": "/"}
        answer = board(f"/app/api/{call}", query_string=words)
        assert answer.status_code == 200
        assert b"api not found" not in answer.data


def test_the_tabs_are_those_a_run_can_fill(board):
    tabs = board("/app/api/component_tabs").get_json()["data"]
    assert tabs == sorted(application.TABS)


def test_the_page_may_load_nothing_from_elsewhere(board):
    answer = board("/app/index")
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'self'"
    assert "connect-src" not in policy  # default-src stands for it
    assert "unsafe" not in policy["script-src"].replace("wasm-unsafe-eval", "")
    assert policy["script-src"].count("sha256-") == 1
    for name, value in application.HEADERS.items():
        assert answer.headers[name] == value
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "hm.baidu.com" not in answer.get_data(as_text=True)
    assert 'TELEMETRY_ID=""' in board("/app/__snowpack__/env.local.js").get_data(as_text=True)


def test_no_other_machine_is_asked(logdir):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(logdir)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [LOOPBACK]


def test_a_question_without_an_answer_takes_nobodys_time(board, monkeypatch):
    """The stock server asks itself three times and sleeps between, with all others waiting."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    assert board("/app/api/scalar/list?run=no&tag=no").get_json()["data"] is None
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

    guarded = application.OneAtATime(app)
    threads = [threading.Thread(target=guarded, args=({}, None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_with_colons_is_a_folder_and_no_place_on_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with BoardWriter(tmp_path / "hdfs:" / "host") as writer:
        writer.scalar("x", 1, 1)
    client = Client(application.make_application("hdfs://host", LOOPBACK, "en"))
    assert client.get("/app/api/runs").get_json()["data"] == ["hdfs:/host"]
    assert (tmp_path / "hdfs:" / "host" / visualdl_patches.LOG_NAME).exists()

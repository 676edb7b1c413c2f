"""The server from the command line: start, answers, what it refuses, and its end."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import paddle
import pytest

from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description, net_arrays, write_weights

TOOLS = Path(__file__).parents[2] / "tools"
WIDTH = 0.03
# Whatever is behind it can write to no file.
NO_FILES = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh"]
CLASSES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows ends a process by no signal")


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory):
    """A function that writes weights of a narrow AlexNet, drawn from a seed."""
    folder = tmp_path_factory.mktemp("weights")

    def make(seed):
        paddle.seed(seed)
        net = build_model("alexnet", len(CLASSES), width=WIDTH)
        preprocessing = MODELS["alexnet"].preprocessing
        description = Description("alexnet", CLASSES, preprocessing, width=WIDTH)
        write_weights(folder / f"{seed}.safetensors", net_arrays(net), description)
        return folder / f"{seed}.safetensors"

    return make


@pytest.fixture(scope="module")
def weights(make_weights):
    return make_weights(0)


@pytest.fixture
def start(environment):
    """A context manager that starts the tool and yields the process, its port and its first line.

    The process may write to no file.
    """

    @contextmanager
    def start(*words):
        with subprocess.Popen(
            [*NO_FILES, sys.executable, TOOLS / "serve.py", "--port", "0", *map(str, words)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                line = process.stdout.readline()
                yield process, int(re.search(r":(\d+)/ ", line)[1]), line
            finally:
                process.kill()

    return start


def end(process, number=signal.SIGTERM):
    """Exit code and messages."""
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    return process.returncode, said


def post(port, data, path="/predict"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, data)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture(scope="module")
def photo(flowers):
    return sorted(flowers.glob("*/*"))[0]


def test_it_gives_what_infer_gives_and_ends(start, tool, weights, photo, tmp_path):
    tool("infer", "--weights", weights, photo, "--json", tmp_path / "i.json", "--top-k", 3)
    (want,) = json.loads((tmp_path / "i.json").read_text())
    with start("--weights", weights, "--top-k", 3) as (process, port, line):
        assert str(weights) in line
        status, (got,) = post(port, photo.read_bytes())
        assert status == 200
        assert got["label_names"] == want["label_names"]
        assert got["scores"] == pytest.approx(want["scores"], abs=1e-5)
        status, explained = post(port, photo.read_bytes(), "/explain")
        assert explained["heat_map"]["layer"] == "block5"
        # Just below the limit; nothing may be written.
        large = photo.read_bytes()
        status, (again,) = post(port, large + bytes(2**25 - len(large)))
        assert (status, again["class_ids"]) == (200, got["class_ids"])
        assert end(process) == (143, "")


def test_sigterm_answers_what_is_under_way(start, weights, photo):
    data = photo.read_bytes()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    with (
        start("--weights", weights) as (process, port, _),
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(head.encode() + data[:-1])
        assert post(port, b"")[0] == 400  # so the part before has arrived
        process.send_signal(signal.SIGTERM)
        with pytest.raises(OSError):
            while True:  # until it accepts no more
                socket.create_connection(("127.0.0.1", port), timeout=60).close()
        connection.sendall(data[-1:])
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 200
        assert len(json.loads(answer.read())) == 1
        process.communicate(timeout=60)
        assert process.returncode == 143


@pytest.mark.parametrize(("host", "warns"), [("localhost", False), ("0.0.0.0", True)])
def test_a_warning_where_others_can_reach_it(start, weights, host, warns):
    with start("--weights", weights, "--host", host) as (process, _, line):
        assert f"http://{host}:" in line
        code, said = end(process, signal.SIGINT)
        assert code == 130
        assert ("anyone who reaches" in said) == warns


def test_an_export_has_no_heat_maps(start, tool, weights, photo, tmp_path):
    tool("export", "--weights", weights, "--out", tmp_path / "export")
    with start("--model", tmp_path / "export") as (process, port, _):
        assert post(port, photo.read_bytes())[0] == 200
        assert post(port, photo.read_bytes(), "/explain")[0] == 404
        assert "gradients" in end(process)[1]
    for option in ("--index", "--layer"):
        words = ["--model", tmp_path / "export", option, "x"]
        assert option in tool("serve", *words, code=2).stderr


def test_bad_input_is_named_in_one_line(tool, weights, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for words, code, named in (
            (["--port", port], 1, f"{port}.*--port"),
            (["--port", 70000], 1, "70000.*--port"),
            (["--layer", "block9"], 2, "block9.*block5"),
            (["--layer", "block7"], 2, "block7.*block5"),
            (["--index", tmp_path / "no"], 1, str(tmp_path / "no")),
            (["--index", weights], 1, str(weights)),
            (["--max-memory", 1000], 2, "--max-memory"),
            (["--engine", "paddle"], 2, "--engine"),
        ):
            (line,) = tool("serve", "--weights", weights, *words, code=code).stderr.splitlines()
            assert re.search(named, line)


def test_an_index_of_other_weights(tool, weights, make_weights, flowers, tmp_path):
    index = tmp_path / "index.safetensors"
    tool("neighbors", "--weights", make_weights(1), "--build", flowers, "--index", index)
    (line,) = tool("serve", "--weights", weights, "--index", index, code=1).stderr.splitlines()
    assert "other weights" in line

"""The server of tools/serve.py under many clients, and under requests that are damaged."""

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import paddle
import psutil
import pytest

from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description, net_arrays, write_weights
from tests.torture.images_program import valid_images
from tests.torture.mutations import damaged, edited

TOP = Path(__file__).parents[2]
HERE = Path(__file__).parent
CLASSES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
CLIENTS = 20
WARM, REST = 50, 200  # requests of each client before and after the first look at the memory
BAD = 0.05  # fraction of requests that are broken, too large, slow, or left early
GROWN = 20 * 2**20  # bytes
SHARE = 0.7  # of what the engine alone does in batches of 8
OUTCOMES = {
    *("good: 200", "503, sent again", "broken: 400", "broken: 415", "too large: 413", "slow: 200"),
    "left early",
}
SILENT = 5  # seconds
STATUSES = {200, 400, 403, 404, 405, 413, 415, 431, 501}
SEED = 20261128
# Prints the images a second of an export folder, in batches of 8 that are decoded before.
ENGINE = """
import sys, time
from paddle_alexnet.runtime.cpu import speed_up
speed_up()
import numpy as np
from paddle_alexnet.export.classifier import ExportedClassifier
classifier = ExportedClassifier.load(sys.argv[1])
side = classifier.preprocessing.input_size
images = np.random.default_rng(0).integers(0, 256, (8, side, side, 3), np.uint8)
for _ in range(5):
    classifier.scores_of_inputs(images)
began = time.perf_counter()
for _ in range(int(sys.argv[2])):
    classifier.scores_of_inputs(images)
print(8 * int(sys.argv[2]) / (time.perf_counter() - began))
"""
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_"))},
    "PYTHONPATH": str(TOP),
}


def python(*words):
    done = subprocess.run(
        [sys.executable, *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def make_weights(tmp_path_factory):
    """A function that writes weights of an AlexNet of some width."""

    def make(width):
        path = tmp_path_factory.mktemp("weights") / "w.safetensors"
        paddle.seed(0)
        preprocessing = MODELS["alexnet"].preprocessing
        description = Description("alexnet", CLASSES, preprocessing, width=width)
        write_weights(path, net_arrays(build_model("alexnet", 5, width=width)), description)
        return path

    return make


@contextlib.contextmanager
def serving(*words):
    """The process and the port of a server."""
    with subprocess.Popen(
        [sys.executable, TOP / "tools/serve.py", "--port", "0", *map(str, words)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, int(re.search(r":(\d+)/ ", process.stdout.readline())[1])
            process.terminate()
            _, said = process.communicate(timeout=60)
            assert process.returncode == 143, said
            assert "Traceback" not in said
        finally:
            process.kill()


@pytest.fixture
def photos(flowers, tmp_path):
    """Drawn flowers, and three of them large."""
    paths = sorted(map(str, flowers.glob("*/*")))[::5]
    for number, side in enumerate((700, 1200, 2000)):
        image = cv2.resize(cv2.imread(paths[number]), (side, side * 3 // 4))
        paths.append(str(tmp_path / f"{number}.jpg"))
        cv2.imwrite(paths[-1], image)
    return paths


def engine_rate(path):
    return float(python("-c", ENGINE, path, 50).split()[-1])


@pytest.mark.parametrize("source", [pytest.param("--weights", marks=pytest.mark.slow), "--model"])
def test_many_clients(make_weights, photos, tmp_path, amount, count, source):
    """None of their answers is lost, or another than infer's."""
    full = amount(0, 1)
    path = make_weights(amount(0.03, 1.0))
    if source == "--model":
        python(TOP / "tools/export.py", "--weights", path, "--out", tmp_path / "export")
        path = tmp_path / "export"
    rows = python(TOP / "tools/infer.py", source, path, *photos, "--jsonl", "-").splitlines()
    want = np.zeros((len(photos), len(CLASSES)))
    for place, row in zip(want, map(json.loads, rows), strict=True):
        place[row["class_ids"]] = row["scores"]
    rates = [engine_rate(path)] if source == "--model" and full else []
    clients, answers, seconds, sizes = amount(4, CLIENTS), [], 0.0, []
    with serving(source, path) as (process, port):
        for part, requests in enumerate((amount(5, WARM), amount(20, REST))):
            words = [port, clients, requests, SEED + part, amount(0.2, BAD), *photos]
            report = json.loads(python(HERE / "clients_program.py", *words))
            sizes.append(psutil.Process(process.pid).memory_info().rss)
            outcomes = Counter(report["outcomes"])
            assert set(outcomes) <= OUTCOMES, outcomes
            assert sum(outcomes.values()) - outcomes["503, sent again"] == clients * requests
            for name, number in outcomes.items():
                count(f"requests to a server of {source}, {name}", number)
            answers += report["answers"]
            seconds += report["seconds"]
    for number, scores in answers:
        np.testing.assert_allclose(scores, want[number], atol=1e-5)
    count(
        f"KiB grown after the first fifth of the requests, {source}", (sizes[1] - sizes[0]) // 1024
    )
    if full:
        assert sizes[1] - sizes[0] < GROWN
    if rates:
        rates.append(engine_rate(path))
        share = len(answers) / seconds / (sum(rates) / 2)
        count("percent of the engine's own images a second, in batches of 8", round(100 * share))
        assert share > SHARE


def form(images):
    head = b'--limit\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n'
    return b"\r\n".join([*(head + image for image in images), b"--limit--\r\n"])


def message(images, rng):
    """A whole request with something wrong in it."""
    path, kind = rng.choice(("/predict", "/predict", "/explain")), "application/octet-stream"
    body = rng.choice(images)
    if rng.random() < 0.5:
        kind = "multipart/form-data; boundary=limit"
        body = form(rng.sample(images, rng.choice((1, 1, 2))))
    where = rng.random()
    if where < 0.8:
        body = damaged(body, rng)
    elif where < 0.9:
        kind = re.sub(r"[\r\n]", "", edited(kind, rng))
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    if rng.random() < 0.2:
        head += "Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        head += f"Content-Length: {len(body)}\r\n"
    whole = head.encode("utf-8", "surrogatepass") + b"\r\n" + body
    return damaged(whole, rng) if where >= 0.9 else whole


def send(port, data):
    """All that the server answers to ``data``, and nothing after it."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SILENT) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(2**16):
                answer += part
        except ConnectionError:  # it has refused the request, and not read the rest
            pass
    return answer


def send_again(port, data):
    """As :func:`send`; what is late three times is not so because the machine is busy."""
    for _ in range(2):
        with contextlib.suppress(TimeoutError):
            return send(port, data)
    return send(port, data)


def test_damaged_requests(make_weights, amount, count):
    """Each is answered in time, and never as a fault of the server."""
    rng, images = random.Random(SEED), [data for forms in valid_images().values() for data in forms]
    tries, statuses = amount(200, 10_000), Counter()
    with serving("--weights", make_weights(0.03), "--max-bytes", 10**6) as (process, port):
        for number in range(tries):
            answer = send_again(port, message(images, rng))
            head, _, body = answer.partition(b"\r\n\r\n")
            status = int(head.split()[1]) if head else None
            assert status in STATUSES or not answer, (number, answer[:300])
            if status not in (200, None):
                assert set(json.loads(body.split(b"HTTP/1.")[0])) == {"error"}, number
            statuses[status] += 1
        assert process.poll() is None
        assert statuses[200] > 0.05 * tries
        assert statuses[None] < 0.1 * tries
    for status, tried in sorted(statuses.items(), key=str):
        count(
            f"damaged requests to a server, answered {status or 'by nothing, as half of one'}",
            tried,
        )

"""The application: what it answers to whom, compared with infer and with its own description."""

import base64
import logging
import re
import tempfile
import threading

import cv2
import jsonschema
import numpy as np
import pytest
import werkzeug.formparser
from werkzeug.test import Client

from paddle_alexnet.data.decode import decode_image, read_image
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.explain.heat_maps import grad_cam
from paddle_alexnet.figures.heat import overlay
from paddle_alexnet.inference.predict import find_images, predict_files
from paddle_alexnet.serve.explanation import NEIGHBORS
from paddle_alexnet.serve.uploads import decoding_bytes

LIMITS = {"body": 400_000, "pixels": 100_000, "memory": 3_000_000, "images": 4}


@pytest.fixture
def files(flowers):
    return find_images([str(flowers)])[::12]


@pytest.fixture
def app(make_app):
    return make_app(**LIMITS)


@pytest.fixture
def client(app):
    return Client(app)


def data_of(path):
    with open(path, "rb") as file:
        return file.read()


def png(height, width, dtype=np.uint8):
    return cv2.imencode(".png", np.zeros((height, width, 3), dtype))[1].tobytes()


def form(*files, fields=()):
    """The words of a request with a form; by hand, as werkzeug's client uses temporary files."""
    head = b'--x\r\nContent-Disposition: form-data; name="f"'
    parts = [head + b"\r\n\r\n" + text for text in fields]
    parts += [head + f'; filename="{name}"\r\n\r\n'.encode() + data for name, data in files]
    body = b"\r\n".join([*parts, b"--x--\r\n"])
    return {"data": body, "content_type": "multipart/form-data; boundary=x"}


def check(client, answer, path, method="post"):
    """An answer is as /openapi.json says; returns its content."""
    document = client.get("/openapi.json").get_json()
    said = document["paths"][path][method]["responses"][str(answer.status_code)]
    assert answer.mimetype in said["content"]
    assert ("Retry-After" in answer.headers) == ("Retry-After" in said.get("headers", {}))
    if answer.mimetype != "application/json":
        return answer.text
    schema = {**said["content"][answer.mimetype]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.get_json())
    assert answer.text.count("\n") == 1
    return answer.get_json()


def test_answers_are_those_of_infer(client, classifier, files):
    want = [result.to_json() for result, _ in predict_files(classifier, files)]
    for path, expected in zip(files, want, strict=True):
        (got,) = check(client, client.post("/predict", data=data_of(path)), "/predict")
        assert got["scores"] == pytest.approx(expected["scores"], abs=1e-6)
        assert {**got, "scores": 0} == {**expected, "scores": 0, "file_name": ""}
    several = [(path, data_of(path)) for path in files[:3]]
    answer = client.post("/predict", **form(*several, fields=[b"no file"]))
    for got, expected in zip(check(client, answer, "/predict"), want[:3], strict=True):
        assert got["file_name"] == expected["file_name"]
        assert got["scores"] == pytest.approx(expected["scores"], abs=1e-6)


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "application/x-www-form-urlencoded", "text/plain", "nonsense", ""]
)
def test_the_kind_of_a_body_is_not_asked(client, files, kind):
    """curl --data-binary says that it is a form."""
    answer = client.post("/predict", data=data_of(files[0]), content_type=kind)
    assert answer.status_code == 200


def test_two_files_under_one_name(client, files):
    answer = client.post("/predict", **form(*[("a.jpg", data_of(path)) for path in files[:2]]))
    first, second = answer.get_json()
    assert first["file_name"] == second["file_name"] == "a.jpg"
    assert first["scores"] != second["scores"]


BAD = {
    "nothing": (400, {"data": b""}),
    "a form without files": (400, form(fields=[b"text"])),
    "no form": (400, {"data": b"abc", "content_type": "multipart/form-data"}),
    "half a form": (400, {"data": b"--x\r\nContent", "content_type": "multipart/form-data"}),
    "a text": (415, {"data": b"hello\n"}),
    "half an image": (415, {"data": png(50, 50)[:60]}),
    "an empty file": (415, form(("a.png", b""))),
    "one bad of two": (415, form(("a.png", png(9, 9)), ("b\u202e.png", b"no"))),
    "pixels": (413, {"data": png(400, 400)}),
    "pixels of 16 bits": (413, {"data": png(230, 220, np.uint16)}),
    "bytes": (413, {"data": bytes(LIMITS["body"] + 1)}),
    "bytes of a form": (413, form(("a.png", bytes(LIMITS["body"])))),
    "parts": (413, form(*[("a.png", png(9, 9))] * 5)),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_what_cannot_be_classified_gets_one_line(client, app, path, name):
    status, words = BAD[name]
    answer = client.post(path, **words)
    assert answer.status_code == status
    (line,) = check(client, answer, path).values()
    assert line.isprintable()
    if name == "one bad of two":
        assert "b\\u202e.png" in line
    assert app.memory.taken == 0


def test_over_capacity(make_app):
    """While others hold the memory, and where the net does not answer in time."""
    app = make_app(**LIMITS, answering=0.2)
    client, free = Client(app), threading.Event()
    assert app.memory.take(LIMITS["memory"])
    answers = [client.post("/predict", data=png(9, 9))]
    app.memory.give(LIMITS["memory"])
    app.predictor.call(lambda: [free.wait(60)])
    answers += [client.post(path, data=png(9, 9)) for path in ("/predict", "/explain")]
    free.set()
    for answer, path in zip(answers, ("/predict", "/predict", "/explain"), strict=True):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        check(client, answer, path)


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((suffix, np.uint8) for suffix in ("png", "jpg", "webp", "tif", "bmp")),
        *((suffix, np.uint16) for suffix in ("png", "tif")),
    ],
)
def test_the_memory_for_decoding_by_the_header(suffix, dtype):
    """At least all of what OpenCV returns, and the 8-bit copy of it."""
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(dtype)
    data = cv2.imencode(f".{suffix}", image)[1].tobytes()
    assert decode_image(data).shape == (60, 80, 3)
    assert decoding_bytes(data) >= image.nbytes + 2 * image.size


def test_what_is_no_image_needs_no_memory_for_decoding():
    assert decoding_bytes(b"none") == 0


def test_an_explanation(client, classifier, files):
    answer = client.post("/explain", data=data_of(files[1]))
    got = check(client, answer, "/explain")
    (row,) = client.post("/predict", data=data_of(files[1])).get_json()
    assert got["prediction"] == {**row, "scores": pytest.approx(row["scores"], abs=1e-6)}
    assert got["neighbors"] == []
    image = classifier.preprocessing(read_image(files[1]))
    best = row["class_ids"][0]
    (heat,) = grad_cam(classifier.net, classifier.normalize, image[None], "block5", [best])
    assert (got["heat_map"]["layer"], got["heat_map"]["class_id"]) == ("block5", best)
    shown = decode_image(base64.b64decode(got["heat_map"]["image"].partition(",")[2]))
    np.testing.assert_array_equal(shown, overlay(image, heat))


def test_neighbours_are_those_of_the_index(make_app, index, files):
    client = Client(make_app(index=index, **LIMITS))
    got = check(client, client.post("/explain", data=data_of(index.paths[3])), "/explain")
    assert len(got["neighbors"]) == NEIGHBORS
    first = got["neighbors"][0]
    assert first["distance"] == pytest.approx(0, abs=1e-3)  # the image itself
    assert first["label_name"] == index.classes[index.labels[3]]
    assert base64.b64decode(first["thumbnail"].partition(",")[2]) == index.thumbnail(3)
    distances = [neighbor["distance"] for neighbor in got["neighbors"]]
    assert distances == sorted(distances)


def test_a_graph_explains_nothing(make_app, files):
    client = Client(make_app(explains=False, **LIMITS))
    answer = client.post("/explain", data=data_of(files[0]))
    assert answer.status_code == 404
    check(client, answer, "/explain")
    assert 'id="heat-map"' not in client.get("/").text
    assert 'id="no-heat-map"' in client.get("/").text
    assert 'id="no-heat-map"' not in Client(make_app(**LIMITS)).get("/").text


def test_several_images_are_not_explained_at_once(client):
    answer = client.post("/explain", **form(*[("a.png", png(9, 9))] * 2))
    assert answer.status_code == 400
    check(client, answer, "/explain")


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/openapi.json"])
def test_what_can_be_asked(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    check(client, answer, path, "get")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_route_is_described(app, client):
    routes = {
        (rule.rule, method.lower())
        for rule in app._flask.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    paths = client.get("/openapi.json").get_json()["paths"]
    assert routes == {(path, method) for path, methods in paths.items() for method in methods}


def test_paths_and_methods_that_are_not_there(client):
    for answer, status in ((client.get("/no"), 404), (client.get("/predict"), 405)):
        assert answer.status_code == status
        assert set(answer.get_json()) == {"error"}


@pytest.mark.parametrize(
    ("language", "want"),
    [
        *(("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"), ("zh", "zh-CN"), ("de,zh-TW;q=0.5", "zh-CN")),
        *(("en-GB", "en"), ("fr", "en"), ("", "en")),
    ],
)
def test_the_language_is_the_browsers(client, language, want):
    answer = client.get("/", headers={"Accept-Language": language})
    assert f'<html lang="{want}">' in answer.text
    assert answer.headers["Vary"] == "Accept-Language"


def test_the_page_loads_nothing_and_runs_only_its_own_script(client):
    answers = [client.get("/") for _ in range(2)]
    nonces = []
    for answer in answers:
        policy = dict(
            part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        (nonce,) = re.findall(r"^'nonce-([\w-]{20,})'$", policy["script-src"])
        assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce}"') == 1
        assert not re.search(r"(https?:)?//[a-z]", answer.text)
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_another_name_is_refused(make_app):
    """A site can let its name point to 127.0.0.1 and read answers through a visitor."""
    client = Client(make_app(allowed=["gpu.example"], **LIMITS))
    for host, status in (("127.0.0.1:8050", 200), ("gpu.example", 200), ("rebound.example", 403)):
        for path in ("/", "/metrics"):
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code == status
            if status == 403:
                assert set(answer.get_json()) == {"error"}


def test_metrics(client, files):
    client.post("/predict", data=data_of(files[0]))
    client.post("/predict", data=b"no image")
    client.get("/secret-path")
    client.open("/predict", method="SECRET")
    text = client.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert values['alexnet_requests_total{route="/predict",status="200"}'] == "1.0"
    assert values['alexnet_requests_total{route="/predict",status="415"}'] == "1.0"
    assert values['alexnet_requests_total{route="other",status="404"}'] == "1.0"
    assert values["alexnet_batch_images_sum"] == "1.0"
    assert values["alexnet_memory_bytes"] == "0.0"
    assert "secret" not in text.lower()


@pytest.mark.parametrize(
    ("error", "said"), [(WeightsError("not finite"), "not finite"), (KeyError("SECRET"), "fault")]
)
def test_a_fault_is_one_line_and_tells_nothing(make_app, monkeypatch, error, said, caplog):
    def fail(inputs):
        raise error

    app = make_app(**LIMITS)
    monkeypatch.setattr(app.predictor, "_scores", fail)
    client = Client(app)
    answer = client.post("/predict?SECRET", **form(("SECRET.png", png(9, 9))))
    assert answer.status_code == 500
    assert said in check(client, answer, "/predict")["error"]
    assert "SECRET" not in answer.text + caplog.text
    assert type(error).__name__ in caplog.text
    assert client.get("/healthz").status_code == 200


def test_health_says_when_the_net_is_gone(make_app):
    app = make_app(**LIMITS)
    app.close()
    answer = Client(app).get("/healthz")
    assert answer.status_code == 503


def test_nothing_that_was_sent_is_written_or_logged(make_app, files, monkeypatch, caplog):
    """Just below the limit, as a body and as a form; Flask would write the form to a file."""

    def no_disk(*words, **options):
        raise AssertionError("a temporary file")

    monkeypatch.setattr(werkzeug.formparser, "SpooledTemporaryFile", no_disk)
    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, no_disk)
    caplog.set_level(logging.DEBUG)
    limits = {**LIMITS, "body": 3_000_000, "memory": 20_000_000}
    client = Client(make_app(**limits))
    image = data_of(files[0])
    body = image + bytes(limits["body"] - len(image) - 1000)
    assert client.post("/predict", data=body).status_code == 200
    assert client.post("/explain?SECRET", **form(("SECRET.jpg", body))).status_code == 200
    assert "SECRET" not in caplog.text
    # That is what werkzeug would have used.
    with pytest.raises(AssertionError, match="temporary"):
        werkzeug.formparser.default_stream_factory(len(body), None, None)

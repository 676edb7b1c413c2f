"""Exports: the net's answers from every engine, and nothing that gives others."""

import dataclasses
import importlib.util
import json

import numpy as np
import paddle
import pytest

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.data.drawn import SPECIES, draw_flower
from paddle_alexnet.errors import ConfigError, RunError, WeightsError
from paddle_alexnet.export import engines, graph, writing
from paddle_alexnet.export.engines import ExportedClassifier, choose_engine
from paddle_alexnet.export.folder import DESCRIPTION, ExportFolder
from paddle_alexnet.export.writing import export_model
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.weights import Description

PICTURES = [draw_flower(kind, 0) for kind in SPECIES]
ONNX = importlib.util.find_spec("paddle2onnx") is not None
needs_onnx = pytest.mark.skipif(not ONNX, reason="paddle2onnx is not installed")


def classifier(name, width=0.05, **changes):
    paddle.seed(0)
    net = build_model(name, 5, lrn="fused", init="he", width=width)
    net.eval()
    description = Description(name, (*"abcd", "雏菊"), MODELS[name].preprocessing)
    return Classifier(net, dataclasses.replace(description, width=width, **changes))


def assert_alike(made, exported):
    assert exported.classes == made.classes
    assert exported.preprocessing == made.preprocessing
    for count in (5, 1, 3):  # any batch size
        want = made.scores(PICTURES[:count])
        got = exported.scores(PICTURES[:count])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, atol=1e-4)
    assert want.std() > 0.01  # pictures and classes differ


@pytest.mark.parametrize("name", MODELS)
def test_paddles_engine(name, tmp_path):
    made = classifier(name)
    result = export_model(made, "paddle", tmp_path / "out", PICTURES)
    assert (result.engine, result.pictures, result.agreement) == ("paddle", 5, 1.0)
    assert result.difference < 1e-4
    assert_alike(made, ExportedClassifier.load(tmp_path / "out"))


@needs_onnx
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012", "alexnet_pad2"])
def test_onnx_engines(name, engine, tmp_path):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    made = classifier(name)
    assert export_model(made, "onnx", tmp_path / "out", PICTURES, engine=engine).engine == engine
    assert_alike(made, ExportedClassifier.load(tmp_path / "out", engine))


def test_a_mean_image_is_in_the_graph(tmp_path):
    rng = np.random.default_rng(0)
    mean = rng.uniform(0, 255, (224, 224, 3)).astype(np.float32)
    made = classifier("alexnet_2012", mean_image=mean)
    plain = classifier("alexnet_2012")
    assert np.abs(made.scores(PICTURES) - plain.scores(PICTURES)).max() > 0.01
    export_model(made, "paddle", tmp_path / "out", PICTURES)
    assert_alike(made, ExportedClassifier.load(tmp_path / "out"))


def test_an_export_that_differs_is_not_written(tmp_path, monkeypatch):
    def save_another(made, folder):
        made.net.out_fc.bias.set_value(made.net.out_fc.bias + paddle.arange(5) * 0.01)
        graph.save_paddle(made, folder)
        made.net.out_fc.bias.set_value(made.net.out_fc.bias - paddle.arange(5) * 0.01)

    monkeypatch.setitem(writing.SAVE, "paddle", save_another)
    with pytest.raises(WeightsError, match="differs by"):
        export_model(classifier("alexnet"), "paddle", tmp_path / "out", PICTURES)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export in Paddle's format; copy it to change it."""
    path = tmp_path_factory.mktemp("export") / "out"
    export_model(classifier("alexnet"), "paddle", path, PICTURES)
    return path


def test_a_folder_that_is_there_is_kept(exported):
    before = sorted(exported.iterdir())
    with pytest.raises(RunError, match="there already"):
        export_model(classifier("alexnet"), "paddle", exported, PICTURES)
    assert sorted(exported.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version 2, this program reads version 1"),
        ({"kind": "x"}, "does not describe an export"),
        ({"format": "tensorrt"}, "tensorrt"),
        ({"format": []}, "does not describe an export"),
        ({"format": "onnx"}, "lacks model.onnx"),
        ({"metadata": {}}, "classes"),
        ({"metadata": 3}, "does not describe an export"),
    ],
)
def test_other_descriptions(exported, tmp_path, change, words):
    content = {**json.loads((exported / DESCRIPTION).read_text()), **change}
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / DESCRIPTION).write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=words):
        ExportFolder.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"', "{}"])
def test_broken_descriptions(tmp_path, text):
    (tmp_path / DESCRIPTION).write_text(text)
    with pytest.raises(WeightsError, match=DESCRIPTION):
        ExportFolder.open(tmp_path)


def test_no_export_folder(tmp_path):
    for path in (tmp_path, tmp_path / "no"):
        with pytest.raises(WeightsError, match=r"tools/export\.py"):
            ExportFolder.open(path)


def test_engines_are_named(monkeypatch):
    assert choose_engine("paddle") == "paddle"
    with pytest.raises(ConfigError, match="onnxruntime, openvino"):
        choose_engine("onnx", "paddle")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install onnxruntime"):
        choose_engine("onnx")
    with pytest.raises(ConfigError, match="pip install openvino"):
        choose_engine("onnx", "openvino")


@pytest.mark.skipif(ONNX, reason="paddle2onnx is installed")
def test_without_paddle2onnx_the_message_names_it(tmp_path):
    with pytest.raises(WeightsError, match="paddle2onnx"):
        graph.save_onnx(classifier("alexnet"), tmp_path)

"""Exports: the net's answers from every engine, and nothing that gives others."""

import ctypes
import dataclasses
import hashlib
import importlib.util
import json
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import paddle
import paddle.inference
import pytest

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.data.synthetic_flowers import SPECIES, draw_flower
from paddle_alexnet.errors import ConfigError, RunError, WeightsError
from paddle_alexnet.export import engines, writer
from paddle_alexnet.export.classifier import ExportedClassifier
from paddle_alexnet.export.engines import choose_engine
from paddle_alexnet.export.folder import DESCRIPTION, ExportFolder, checksum
from paddle_alexnet.export.safety import check_graph
from paddle_alexnet.export.writer import export_model
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.weights import Description

IMAGES = [draw_flower(kind, 0) for kind in SPECIES]
ONNX = importlib.util.find_spec("paddle2onnx") is not None
OPENVINO = importlib.util.find_spec("openvino") is not None
needs_onnx = pytest.mark.skipif(not ONNX, reason="paddle2onnx is not installed")


def classifier(name, width=0.05, **described):
    paddle.seed(0)
    settings = {"width": width, "changes": described.get("changes")}
    net = build_model(name, 5, lrn="fused", init="he", **settings)
    net.eval()
    description = Description(name, (*"abcd", "雏菊"), MODELS[name].preprocessing)
    return Classifier(net, dataclasses.replace(description, width=width, **described))


def assert_alike(made, exported):
    assert exported.classes == made.classes
    assert exported.preprocessing == made.preprocessing
    for count in (5, 1, 3):  # any batch size
        want = made.scores(IMAGES[:count])
        got = exported.scores(IMAGES[:count])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, atol=1e-4)
    assert want.std() > 0.01  # images and classes differ


@pytest.mark.parametrize("file_format", ["paddle", "onnx"])
def test_a_changed_net(file_format, tmp_path):
    if file_format == "onnx":
        pytest.importorskip("paddle2onnx")
        pytest.importorskip("onnxruntime")
    changes = {"activation": "tanh", "towers": "half", "pool": 2, "norm": "none"}
    made = classifier("alexnet_paper", changes=changes)
    assert export_model(made, file_format, tmp_path / "out", IMAGES).difference < 1e-4
    assert ExportedClassifier.load(tmp_path / "out").description.changes == changes


@pytest.mark.parametrize("name", MODELS)
def test_paddles_engine(name, tmp_path):
    made = classifier(name)
    result = export_model(made, "paddle", tmp_path / "out", IMAGES)
    assert (result.engine, result.images, result.agreement) == ("paddle", 5, 1.0)
    assert result.difference < 1e-4
    assert_alike(made, ExportedClassifier.load(tmp_path / "out"))


@needs_onnx
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012", "alexnet_pad2", "cifar_13pct"])
def test_onnx_engines(name, engine, tmp_path):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    made = classifier(name)
    assert export_model(made, "onnx", tmp_path / "out", IMAGES, engine=engine).engine == engine
    assert_alike(made, ExportedClassifier.load(tmp_path / "out", engine))


def test_a_mean_image_is_in_the_graph(tmp_path):
    rng = np.random.default_rng(0)
    mean = rng.uniform(0, 255, (224, 224, 3)).astype(np.float32)
    made = classifier("alexnet_2012", mean_image=mean)
    plain = classifier("alexnet_2012")
    assert np.abs(made.scores(IMAGES) - plain.scores(IMAGES)).max() > 0.01
    export_model(made, "paddle", tmp_path / "out", IMAGES)
    assert_alike(made, ExportedClassifier.load(tmp_path / "out"))


def test_an_export_that_differs_is_not_written(tmp_path, monkeypatch):
    def save_another(made, folder):
        made.net.out_fc.bias.set_value(made.net.out_fc.bias + paddle.arange(5) * 0.01)
        writer.save_paddle(made, folder)
        made.net.out_fc.bias.set_value(made.net.out_fc.bias - paddle.arange(5) * 0.01)

    monkeypatch.setitem(writer.SAVE, "paddle", save_another)
    with pytest.raises(WeightsError, match="differs by"):
        export_model(classifier("alexnet"), "paddle", tmp_path / "out", IMAGES)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export in Paddle's format; copy it to change it."""
    path = tmp_path_factory.mktemp("export") / "out"
    export_model(classifier("alexnet"), "paddle", path, IMAGES)
    return path


def test_paddles_engine_leaves_the_other_operators_their_threads(exported, monkeypatch):
    """Paddle's predictor sets one thread for the whole process after every run."""
    openmp = Path(paddle.__file__).parent / "libs" / "libiomp5.so"
    if not openmp.exists():
        pytest.skip("this Paddle brings no OpenMP of Intel's to ask")
    threads = ctypes.CDLL(str(openmp)).omp_get_max_threads  # the library that Paddle has loaded
    before = threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    try:
        ExportedClassifier.load(exported).scores(IMAGES[:1])
        assert threads() == 3
    finally:
        paddle.base.core.set_num_threads(before)


def test_a_folder_that_is_there_is_kept(exported):
    before = sorted(exported.iterdir())
    with pytest.raises(RunError, match="there already"):
        export_model(classifier("alexnet"), "paddle", exported, IMAGES)
    assert sorted(exported.iterdir()) == before


def copy(exported, path):
    for file in exported.iterdir():
        (path / file.name).write_bytes(file.read_bytes())


def describe(path, **change):
    """Write a description with other content that its checksum is right for."""
    content = json.loads((path / DESCRIPTION).read_text())
    del content["checksum"]
    content.update(change)
    (path / DESCRIPTION).write_text(json.dumps({**content, "checksum": checksum(content)}))


def rehash(path):
    """Write a description of the files as they are now."""
    description = json.loads((path / DESCRIPTION).read_text())["files"]
    sums = {x: "sha256:" + hashlib.sha256((path / x).read_bytes()).hexdigest() for x in description}
    describe(path, files=sums)


@pytest.mark.parametrize("name", [DESCRIPTION, "model.json", "model.pdiparams"])
def test_a_wrong_bit_is_found(exported, tmp_path, name):
    copy(exported, tmp_path)
    good = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    for bit in rng.integers(8 * len(good), size=100):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        (tmp_path / name).write_bytes(bad)
        if name == DESCRIPTION and same_text(bad, good):
            continue  # a blank between two values
        with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
            ExportFolder.open(tmp_path)


def same_text(bad, good):
    try:
        return json.loads(bad) == json.loads(good)
    except ValueError:
        return False


@pytest.mark.parametrize("name", ["1.save_combine", "1.load_combine", "1.print", "pd_op.x", "\x1b"])
def test_a_graph_that_does_more_than_compute_is_not_run(exported, tmp_path, name):
    copy(exported, tmp_path)
    graph_text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(graph_text.replace('"1.relu"', json.dumps(name), 1))
    rehash(tmp_path)
    with pytest.raises(WeightsError, match="it has the operator"):
        ExportedClassifier.load(tmp_path)


OPS = {"program": {"regions": [{"blocks": [{"ops": []}]}]}}


@pytest.mark.parametrize(
    "change",
    [
        [],
        {},
        {"program": {"regions": []}},
        {"program": {"regions": OPS["program"]["regions"] * 2}},
        *(
            {"program": {"regions": [{"blocks": [{"ops": [operator]}]}]}}
            for operator in ({"#": "p", "regions": []}, {"#": ["p"]}, {}, 3)
        ),
    ],
)
def test_graphs_of_another_form(tmp_path, change):
    (tmp_path / "model.json").write_text(json.dumps(OPS))
    check_graph(tmp_path / "model.json")
    (tmp_path / "model.json").write_text(json.dumps(change))
    with pytest.raises(WeightsError, match="not a graph of Paddle 3"):
        check_graph(tmp_path / "model.json")


def test_a_graph_of_other_sizes_than_its_description_says(exported, tmp_path):
    copy(exported, tmp_path)
    metadata = json.loads((tmp_path / DESCRIPTION).read_text())["metadata"]
    describe(tmp_path, metadata={**metadata, "classes": '["a", "b"]'})
    with pytest.raises(WeightsError, match=r"names 2 classes, but gives float32 \[1, 5\]"):
        ExportedClassifier.load(tmp_path).scores(IMAGES[:1])
    other = json.dumps({**json.loads(metadata["preprocessing"]), "input_size": 64, "resize": 64})
    describe(tmp_path, metadata={**metadata, "preprocessing": other})
    with pytest.raises(WeightsError, match="on images of 64 pixels"):
        ExportedClassifier.load(tmp_path).scores(IMAGES[:1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version .2., this program reads version 1"),
        ({"kind": "x"}, "does not describe an export"),
        ({"format": "tensorrt"}, "tensorrt"),
        ({"format": []}, "does not describe an export"),
        ({"format": "onnx"}, "lacks model.onnx"),
        ({"metadata": {}}, "classes"),
        ({"metadata": 3}, "does not describe an export"),
        ({"metadata": {"classes": ["a"]}}, "texts"),
        ({"files": {}}, r"model\.json is damaged"),
        ({"files": 3}, "does not describe an export"),
    ],
)
def test_other_descriptions(exported, tmp_path, change, words):
    copy(exported, tmp_path)
    describe(tmp_path, **change)
    with pytest.raises(WeightsError, match=words):
        ExportFolder.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"', "{}"])
def test_broken_descriptions(tmp_path, text):
    (tmp_path / DESCRIPTION).write_text(text)
    with pytest.raises(WeightsError, match=DESCRIPTION):
        ExportFolder.open(tmp_path)


def test_no_export_folder(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "no", tmp_path / "file"):
        with pytest.raises(WeightsError, match=r"tools/export\.py"):
            ExportFolder.open(path)


def test_engines_are_named(monkeypatch):
    assert choose_engine("paddle") == "paddle"
    with pytest.raises(ConfigError, match="onnxruntime, openvino"):
        choose_engine("onnx", "paddle")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs tensorrt.*or use --engine paddle"):
        choose_engine("paddle", "tensorrt")
    with pytest.raises(ConfigError, match="pip install onnxruntime"):
        choose_engine("onnx")
    with pytest.raises(ConfigError, match="pip install openvino"):
        choose_engine("onnx", "openvino")


@pytest.mark.skipif(ONNX, reason="paddle2onnx is installed")
def test_without_paddle2onnx_the_message_names_it(tmp_path):
    with pytest.raises(WeightsError, match="paddle2onnx"):
        writer.save_onnx(classifier("alexnet"), tmp_path)


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (ImportError("libcudart.so.12: no such file"), ConfigError, "cannot be loaded.*libcudart"),
        (MemoryError(), MemoryError, None),
        (RuntimeError("[ONNXRuntimeError] : std::bad_alloc"), MemoryError, None),
        (RuntimeError("Failed to allocate memory for requested buffer"), MemoryError, None),
        (ValueError("trace\n  no operator \x1b[2J"), WeightsError, r"damaged.*no operator .+x1b"),
        (
            ValueError("trace\nError: the cause\n  [Hint: x] (at y:1)\n  [operator < z > error]"),
            WeightsError,
            "damaged.*the cause",
        ),
    ],
)
def test_what_engines_raise(exported, monkeypatch, raised, kind, words):
    def fail(*_):
        raise raised

    monkeypatch.setitem(engines.ENGINES, "paddle", {"paddle": fail})
    with pytest.raises(kind, match=words) as error:
        ExportedClassifier.load(exported)
    assert "\n" not in str(error.value)
    if kind is ConfigError:
        return  # all is loaded by the time images come
    monkeypatch.setitem(engines.ENGINES, "paddle", {"paddle": lambda *_: fail})
    with pytest.raises(kind, match=words):
        ExportedClassifier.load(exported).scores(IMAGES)


@pytest.mark.parametrize(("able", "device"), [(True, "gpu:1"), (False, "cpu")])
def test_auto_is_paddles_device_where_the_engine_can(exported, monkeypatch, able, device):
    asked = []
    opened = {"paddle": lambda folder, device, precision: asked.append(device)}
    monkeypatch.setitem(engines.ENGINES, "paddle", opened)
    monkeypatch.setattr(paddle, "get_device", lambda: "gpu:1")
    monkeypatch.setattr("paddle_alexnet.export.classifier.has_gpu", lambda engine: able)
    ExportedClassifier.load(exported, device="auto")
    assert asked == [device]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_onnx_engines_without_a_gpu_say_so(exported, engine):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    if engines.has_gpu(engine):
        pytest.skip("this one has a GPU")
    folder = ExportFolder.open(exported)
    folder = dataclasses.replace(folder, format="onnx")
    with pytest.raises(ConfigError, match="--device cpu"):
        ExportedClassifier(folder, engine, "gpu:1")


@pytest.mark.skipif(not engines.computes_bfloat16(), reason="this processor has no bfloat16")
@pytest.mark.parametrize(
    ("file_format", "engine"),
    [
        ("paddle", "paddle"),
        pytest.param(
            *("onnx", "openvino"),
            marks=pytest.mark.skipif(not (ONNX and OPENVINO), reason="OpenVINO is not installed"),
        ),
    ],
)
def test_bfloat16_where_the_processor_has_it(tmp_path, file_format, engine):
    """Its 8 bits are off by up to 0.4 % a number; float32's 24 would agree to 1e-6."""
    made = classifier("alexnet", width=0.25)
    export_model(made, file_format, tmp_path / "out", IMAGES)
    want = made.scores(IMAGES)
    got = ExportedClassifier.load(tmp_path / "out", engine, precision="bfloat16").scores(IMAGES)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-2)
    assert 1e-6 < np.abs(got - want).max() < 0.03


@pytest.mark.parametrize(
    ("precision", "engine", "device", "words"),
    [
        ("float16", "paddle", "cpu", "unknown precision 'float16': choose float32 or bfloat16"),
        ("bfloat16", "onnxruntime", "cpu", "paddle and openvino on a CPU, not for onnxruntime"),
        ("bfloat16", "paddle", "gpu:0", "not for paddle on gpu:0"),
        ("bfloat16", "tensorrt", "gpu:0", "not for tensorrt on gpu:0"),
    ],
)
def test_a_precision_that_an_engine_has_not(precision, engine, device, words):
    with pytest.raises(ConfigError, match=words):
        engines.check_precision(precision, engine, device)


def test_bfloat16_is_refused_where_it_would_be_slower(exported, monkeypatch):
    monkeypatch.setattr(paddle.base.core, "supports_bfloat16_fast_performance", lambda: False)
    with pytest.raises(ConfigError, match=r"this processor.*leave it out"):
        ExportedClassifier.load(exported, precision="bfloat16")
    ExportedClassifier.load(exported, precision="float32")


def with_tensorrt(monkeypatch, version=(10, 5, 0)):
    """Make believe that TensorRT is installed, and Paddle built with it."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        engines.importlib.util,
        "find_spec",
        lambda name: find("json" if name == "tensorrt" else name),
    )
    monkeypatch.setattr(paddle.inference, "get_trt_compile_version", lambda: version)


@pytest.mark.parametrize(
    ("device", "version", "words"),
    [
        ("cpu", (10, 5, 0), "tensorrt needs a GPU.*device cpu"),
        ("gpu:1", (10, 5, 0), "first of them, not the device gpu:1: CUDA_VISIBLE_DEVICES"),
        ("gpu:0", (0, 0, 0), "built without TensorRT.*--engine paddle"),
    ],
)
def test_tensorrt_that_cannot_be_used(exported, monkeypatch, device, version, words):
    with_tensorrt(monkeypatch, version)
    with pytest.raises(ConfigError, match=words) as error:
        ExportedClassifier.load(exported, "tensorrt", device)
    assert "\n" not in str(error.value)


def test_tensorrt_that_does_not_fit(exported, monkeypatch):
    with_tensorrt(monkeypatch)
    monkeypatch.setitem(sys.modules, "paddle.tensorrt", None)  # fails on import
    with pytest.raises(ConfigError, match=r"built for TensorRT 10\.5\.0.*--engine paddle"):
        ExportedClassifier.load(exported, "tensorrt", "gpu:0")


def test_tensorrt_is_asked_for_batches_of_its_range(exported, monkeypatch):
    """With a converter that copies the graph, and Paddle's CPU engine to run it."""
    images = (IMAGES * 7)[:33]
    want = ExportedClassifier.load(exported).scores(images)
    with_tensorrt(monkeypatch)
    asked, sizes = [], []

    class Export:
        Input = staticmethod(lambda **values: values)
        TensorRTConfig = staticmethod(lambda **values: values)

        @staticmethod
        def convert(model, settings):
            asked.append((model, settings["inputs"]))
            for suffix in (".json", ".pdiparams"):
                shutil.copy(model + suffix, settings["save_model_dir"] + suffix)

    monkeypatch.setitem(sys.modules, "paddle.tensorrt", types.SimpleNamespace(export=Export))
    predictor = engines._predictor

    def on_cpu(files, device, precision):
        assert (device, precision) == ("gpu:0", "float32")
        run = predictor(files, "cpu", precision)
        return lambda batch: (sizes.append(len(batch)), run(batch))[1]

    monkeypatch.setattr(engines, "_predictor", on_cpu)
    loaded = ExportedClassifier.load(exported, "tensorrt", "gpu:0")
    ((model, (pixels,)),) = asked
    assert model == str(exported / "model")
    assert (pixels["min_input_shape"], pixels["max_input_shape"]) == (
        (1, 227, 227, 3),
        (16, 227, 227, 3),
    )
    assert pixels["input_data_type"] == "uint8"
    np.testing.assert_allclose(loaded.scores(images), want, atol=1e-6)
    assert sizes == [16, 16, 1]


@pytest.mark.gpu
@pytest.mark.skipif(not paddle.device.cuda.device_count(), reason="PaddlePaddle sees no GPU")
@pytest.mark.parametrize("engine", ["paddle", "tensorrt"])
def test_engines_on_a_gpu(exported, engine):
    if engine == "tensorrt" and importlib.util.find_spec(engine) is None:
        pytest.skip("tensorrt is not installed")
    loaded = ExportedClassifier.load(exported, engine, "gpu:0")
    images = (IMAGES * 7)[:33]
    paddle.device.set_device("cpu")
    want = classifier("alexnet").scores(images)
    # A GPU may multiply in TF32, of 10 bits.
    np.testing.assert_allclose(loaded.scores(images), want, atol=5e-3)

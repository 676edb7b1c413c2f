"""The benchmark's cases of this project; no test asserts a time."""

from dataclasses import replace

import numpy as np
import paddle
import pytest

from benchmarks import paddle_cases
from paddle_alexnet import MODELS, build_model
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.export.engines import computes_bfloat16
from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.stages import narrow as narrow_stages


@pytest.fixture
def narrow(monkeypatch):
    """alexnet_paper with a fiftieth of its channels, under its name."""
    row = MODELS["alexnet_paper"]
    narrowed = replace(row, stages=narrow_stages(row.stages, 0.02), init="he")
    monkeypatch.setitem(MODELS, "alexnet_paper", narrowed)


def test_operations_by_counting():
    """Multiplications with weights, counted from the feature maps of a forward pass."""
    net = build_model("alexnet_paper", 1000, width=0.02)
    counted = []

    def count(layer, inputs, output):
        positions = int(np.prod(output.shape[1:])) // output.shape[1]
        counted.append(positions * int(np.prod(layer.weight.shape)))

    hooks = [layer.register_forward_post_hook(count) for _, layer in weighted_layers(net)]
    net(paddle.zeros([1, 3, 227, 227]))
    for hook in hooks:
        hook.remove()
    row = MODELS["alexnet_paper"]
    row = replace(row, stages=narrow_stages(row.stages, 0.02))
    assert len(counted) == 8
    assert paddle_cases.operations(row, training=False) == 2 * sum(counted)
    assert paddle_cases.operations(row, training=True) == 6 * sum(counted) - 2 * counted[0]


def test_the_papers_net_takes_about_1_45_gflop():
    """0.72 billion multiplications an image, as published for the net with its groups."""
    assert 1.4e9 < paddle_cases.operations(MODELS["alexnet_paper"], training=False) < 1.5e9


@pytest.mark.parametrize("kind", ["none", "onednn"])
def test_training_step_returns_a_plausible_loss(narrow, kind):
    run = paddle_cases.training_step("alexnet_paper", 2, lrn="fused", kind=kind)
    paddle.seed(0)
    first = run() / 2
    assert 1 < first < 60
    assert np.isfinite(run())


def test_exported_inference_equals_that_of_the_net(narrow, tmp_path):
    classifier = paddle_cases.make_classifier("alexnet_paper", "fused")
    exported = paddle_cases.export(classifier, tmp_path)
    want = paddle_cases.inference(classifier, 2)()
    for precision, tolerance in {"float32": 1e-6, "bfloat16": 1e-2}.items():
        if precision in exported:
            got = paddle_cases.inference(exported[precision], 2)()
            np.testing.assert_allclose(got, want, atol=tolerance)
    assert "float32" in exported
    assert ("bfloat16" in exported) == computes_bfloat16()


def test_readers_read_every_image_once_an_epoch(flowers):
    listing, preprocessing = list_images(flowers), Preprocessing(input_size=32, resize=36)
    cases = paddle_cases.readers(listing, preprocessing, 16)
    assert len(cases) == len(paddle_cases.READERS)
    assert cases["workers 0, cache none"]() == 60
    assert cases["workers 0, cache ram"]() == 60


def test_heat_maps_and_a_search(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(paddle_cases, "ROWS", 50)
    layer, run = paddle_cases.grad_cam(paddle_cases.make_classifier(tiny, "fused"), 2)
    assert layer == "block5"
    assert run().shape == (2, 32, 32)
    indices, distances = paddle_cases.search(tmp_path / "index", 12)()
    assert indices.shape == (1, 6)
    assert (np.diff(distances) >= 0).all()

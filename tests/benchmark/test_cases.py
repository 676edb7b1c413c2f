"""What the benchmark times does what it says; no test asserts a time."""

import importlib.util
from dataclasses import replace

import numpy as np
import paddle
import pytest

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.benchmark import paddle_cases
from paddle_alexnet.export.engines import computes_bfloat16
from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.stages import narrow

TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not TORCH, reason="torch is not installed")


def narrowed(name, width):
    """A row of the registry, narrow."""
    return replace(MODELS[name], stages=narrow(MODELS[name].stages, width))


@pytest.fixture
def narrow_paper(monkeypatch):
    """alexnet_paper at a fiftieth of its width, under its name."""
    row = narrowed("alexnet_paper", 0.02)
    monkeypatch.setitem(MODELS, "alexnet_paper", replace(row, init="he"))


def test_operations_by_counting():
    """Multiplications with weights, counted from the feature maps of a forward pass."""
    net = build_model("alexnet_paper", 1000, width=0.02)
    total, first = 0, 0
    hooks = []

    def count(layer, inputs, output):
        nonlocal total, first
        macs = (
            int(np.prod(output.shape[1:])) * int(np.prod(layer.weight.shape)) // (output.shape[1])
        )
        first = first or macs
        total += macs

    hooks = [layer.register_forward_post_hook(count) for _, layer in weighted_layers(net)]
    net(paddle.zeros([1, 3, 227, 227]))
    for hook in hooks:
        hook.remove()
    row = narrowed("alexnet_paper", 0.02)
    assert paddle_cases.operations(row, training=False) == 2 * total
    assert paddle_cases.operations(row, training=True) == 6 * total - 2 * first


def test_the_papers_net_takes_about_1_45_gflop():
    """0.72 billion multiplications an image, as published for the net with its groups."""
    assert 1.4e9 < paddle_cases.operations(MODELS["alexnet_paper"], training=False) < 1.5e9


@pytest.mark.parametrize("kind", ["none", "onednn"])
def test_a_training_step_is_one(narrow_paper, kind):
    run = paddle_cases.training_step("alexnet_paper", 2, lrn="fused", kind=kind)
    paddle.seed(0)
    first = run() / 2
    assert 1 < first < 60
    assert np.isfinite(run())


def test_inference_of_an_export_is_that_of_its_net(narrow_paper, tmp_path):
    classifier = paddle_cases.make_classifier("alexnet_paper", "fused")
    exported = paddle_cases.export(classifier, tmp_path)
    want = paddle_cases.inference(classifier, 2)()
    for precision, tolerance in {"float32": 1e-6, "bfloat16": 1e-2}.items():
        if precision in exported:
            got = paddle_cases.inference(exported[precision], 2)()
            np.testing.assert_allclose(got, want, atol=tolerance)
    assert "float32" in exported
    assert ("bfloat16" in exported) == computes_bfloat16()


@needs_torch
def test_torchs_norm_has_the_same_gradient():
    from paddle_alexnet.benchmark import torch_peer

    shape = (2, 16, 5, 4)
    want = torch_peer.response_norm(shape, 1)().numpy()
    for kind in ("fused", "avgpool3d", "builtin"):
        got = paddle_cases.response_norm(kind, shape)().numpy()
        np.testing.assert_allclose(got, want, atol=1e-6)


@needs_torch
@pytest.mark.parametrize("name", ["alexnet", "alexnet_pad5", "alexnet_owt", "caffenet"])
def test_torchs_net_is_the_same(name):
    import torch

    from paddle_alexnet.benchmark import torch_peer

    net = build_model(name, 1000, width=0.05, init="he")
    net.eval()
    peer = torch_peer.build(narrowed(name, 0.05)).eval()
    with torch.no_grad():
        for theirs, ours in zip(peer.parameters(), net.parameters(), strict=True):
            value = ours.numpy()
            theirs.copy_(torch.from_numpy(value.T if value.ndim == 2 else value))
        images = paddle_cases.noise(2, 3, net.input_size, net.input_size)
        want = peer(torch.from_numpy(images)).numpy()
    got = net(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


@needs_torch
def test_torch_has_no_layer_for_towers():
    from paddle_alexnet.benchmark import torch_peer

    with pytest.raises(ValueError, match="another model"):
        torch_peer.build(MODELS["alexnet_2012"])

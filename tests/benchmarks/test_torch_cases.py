"""The benchmark's cases of torch compute the same as those of this project."""

from dataclasses import replace

import numpy as np
import paddle
import pytest

from paddle_alexnet import build_model
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.stages import narrow

torch = pytest.importorskip("torch")

from benchmarks import paddle_cases, torch_cases  # noqa: E402


def test_norms_have_the_same_gradient():
    shape = (2, 16, 5, 4)
    want = torch_cases.response_norm(shape)().numpy()
    for kind in ("fused", "avgpool3d", "builtin"):
        got = paddle_cases.response_norm(kind, shape)().numpy()
        np.testing.assert_allclose(got, want, atol=1e-6)


def narrowed(name, width):
    return replace(MODELS[name], stages=narrow(MODELS[name].stages, width))


@pytest.mark.parametrize("name", ["alexnet", "alexnet_pad5", "alexnet_owt", "caffenet"])
def test_nets_have_the_same_logits(name):
    net = build_model(name, 1000, width=0.05, init="he")
    net.eval()
    peer = torch_cases.build(narrowed(name, 0.05)).eval()
    with torch.no_grad():
        for theirs, ours in zip(peer.parameters(), net.parameters(), strict=True):
            value = ours.numpy()
            theirs.copy_(torch.from_numpy(value.T if value.ndim == 2 else value))
        images = torch_cases.noise(2, 3, net.input_size, net.input_size)
        want = peer(torch.from_numpy(images)).numpy()
    got = net(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def test_training_step_and_inference():
    row = narrowed("alexnet_owt", 0.02)
    losses = [torch_cases.training_step(row, 2, form)() for form in torch_cases.forms()]
    assert len(losses) >= 2
    # Dropout is on, and compiled it draws other masks.
    assert losses[1] == pytest.approx(losses[0])
    assert np.isfinite(losses).all()
    assert torch_cases.inference(row, 2)().shape == (2, 1000)


def test_compiling_needs_a_compiler(monkeypatch, caplog):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    assert torch_cases.forms() == ["eager", "channels_last"]
    assert "compiler" in caplog.text


def test_a_norm_within_towers_is_refused():
    with pytest.raises(ValueError, match="another model"):
        torch_cases.build(MODELS["alexnet_2012"])


@pytest.mark.parametrize("workers", [0, 1])
def test_loading_reads_every_image_once(flowers, workers):
    dataset = paddle_cases.augmented(list_images(flowers), Preprocessing(input_size=32, resize=36))
    assert torch_cases.loading(dataset, 16, workers)() == 60

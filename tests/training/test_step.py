"""Compiled training steps: what they compute operator by operator, for every net."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.training.step import TrainingStep, choose_compile, compile_step

STEPS = 20
CLASSES = 5


def batch(net, count, seed=0):
    side = net.design.input_size
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((count, 3, side, side)).astype(np.float32)
    return paddle.to_tensor(images), paddle.to_tensor(rng.integers(0, 5, count))


def start(name, kind, width, dropout=0.0):
    paddle.seed(0)
    net = build_model(name, 5, lrn="fused", init="he", width=width, dropout=dropout)
    return net, compile_step(TrainingStep(net, 0.1), kind)


def train(name, kind, width, count, steps):
    """Losses of some updates, the hits, and the gradients of two."""
    net, step = start(name, kind, width)
    optimizer = paddle.optimizer.Momentum(2e-6, 0.9, parameters=net.parameters())
    losses, hits, gradients = [], [], {}
    for seed in range(steps):
        # The last batch of an epoch differs. As many pictures as classes: with Paddle's own
        # linear layer the gradient of the bias is then wrong in a graph with oneDNN.
        loss, right = step(*batch(net, count if seed != 3 else CLASSES, seed))
        loss.backward()
        if seed in (0, 3):
            found = {f"{k} {seed}": p.grad.numpy() for k, p in net.named_parameters()}
            gradients.update(found)
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        losses.append(loss.item())
        hits.append(right.item())
    return losses, hits, gradients


def assert_alike(name, kind, width, count, steps, *, off, loss=1e-5):
    losses, hits, gradients = train(name, kind, width, count, steps)
    want_losses, want_hits, want_gradients = train(name, "none", width, count, steps)
    for key, want in want_gradients.items():
        # As a whole: some of many values lie within rounding of a kink of ReLU or a tie of a
        # maximum, more in wide nets.
        assert np.linalg.norm(gradients[key] - want) < off * np.linalg.norm(want), key
    np.testing.assert_allclose(losses, want_losses, rtol=loss)
    assert len(set(losses)) == steps
    assert hits == want_hits


@pytest.mark.parametrize("kind", ["static", "onednn"])
@pytest.mark.parametrize("name", MODELS)
def test_losses_and_gradients(name, kind):
    assert_alike(name, kind, 0.08, 4, STEPS, off=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_at_full_width(name):
    assert_alike(name, "onednn", 1.0, 8, 2, off=0.05, loss=1e-4)


@pytest.mark.parametrize("kind", ["static", "onednn"])
def test_dropout_is_told_by_the_seed(kind):
    net, step = start("alexnet", kind, 0.08, dropout=0.5)
    images, labels = batch(net, 4)
    losses = []
    for seed in (1, 1, 2):
        paddle.seed(seed)
        losses.append(step(images, labels)[0].item())
    assert losses[0] == losses[1] != losses[2]


def test_auto_takes_onednn_for_what_is_measured():
    net = build_model("alexnet_2012", 5, lrn="fused", width=0.02)
    expected = "onednn" if paddle.base.core.is_compiled_with_onednn() else "none"
    assert choose_compile("auto", net)[0] == expected
    assert choose_compile("none", net) == ("none", None)
    assert choose_compile("static", net) == ("static", None)


@pytest.mark.parametrize("wanted", ["auto", "onednn"])
@pytest.mark.parametrize("lrn", ["avgpool3d", "builtin"])
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012"])
def test_what_is_unsafe_falls_back_and_says_so(name, lrn, wanted):
    kind, reason = choose_compile(wanted, build_model(name, 5, lrn=lrn, width=0.02))
    assert kind == "none"
    assert "lrn=fused" in reason


def test_an_unknown_layer_falls_back():
    net = nn.Sequential(nn.ReLU(), nn.AvgPool2D(2))
    assert "AvgPool2D" in choose_compile("onednn", net)[1]


def test_another_paddle_falls_back(monkeypatch):
    monkeypatch.setattr(paddle, "__version__", "3.9.0")
    kind, reason = choose_compile("auto", build_model("alexnet", 5, lrn="fused", width=0.02))
    assert kind == "none"
    assert "3.9.0" in reason


def first_loss(kind, amp, device="cpu"):
    paddle.device.set_device(device)
    try:
        paddle.seed(0)
        net = build_model("alexnet", 5, lrn="fused", init="he", width=0.08, dropout=0.0)
        rng = np.random.default_rng(0)
        for parameter in net.parameters():  # the same on every device
            value = rng.standard_normal(parameter.shape) / np.sqrt(parameter.shape[0] + 1)
            parameter.set_value((0.3 * value).astype(np.float32))
        loss, _ = compile_step(TrainingStep(net, 0.1, amp), kind)(*batch(net, 4))
        loss.backward()
        return loss.item(), [parameter.grad.numpy() for parameter in net.parameters()]
    finally:
        paddle.device.set_device("cpu")


def assert_near(got, want, tolerance):
    assert got[0] == pytest.approx(want[0], rel=tolerance)
    for one, other in zip(got[1], want[1], strict=True):
        assert one.dtype == np.float32
        assert np.linalg.norm(one - other) <= tolerance * np.linalg.norm(other)


def test_mixed_precision_keeps_float32_outside():
    """A CPU goes the same way operator by operator; in a graph it has no such max pooling."""
    assert_near(first_loss("none", "bfloat16"), first_loss("none", "none"), 0.05)


@pytest.mark.gpu
@pytest.mark.skipif(not paddle.device.cuda.device_count(), reason="PaddlePaddle sees no GPU")
@pytest.mark.parametrize("kind", ["none", "static"])
@pytest.mark.parametrize(("amp", "tolerance"), [("none", 5e-3), ("bfloat16", 0.1)])
def test_a_gpu_computes_what_the_cpu_does(kind, amp, tolerance):
    assert_near(first_loss(kind, amp, "gpu"), first_loss("none", "none"), tolerance)

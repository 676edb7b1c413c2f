"""The statistics of every layer's start."""

import math

import numpy as np
import paddle
import pytest

from paddle_alexnet import AlexNet
from paddle_alexnet.nets.init import weighted_layers

# Inputs of one output, by hand: channels of a group x kernel x kernel, or features.
FAN_IN = {
    "conv1": 3 * 11 * 11,
    "conv2": 48 * 5 * 5,
    "conv3": 256 * 3 * 3,
    "conv4": 384 * 3 * 3,
    "conv5": 384 * 3 * 3,
    "fc6": 256 * 6 * 6,
    "fc7": 4096,
    "fc8": 4096,
}


@pytest.mark.parametrize("init", ["he", "paper"])
def test_every_layer(init):
    paddle.seed(3)
    layers = weighted_layers(AlexNet(10, init=init))
    assert [name for name, _ in layers] == list(FAN_IN)
    for name, layer in layers:
        weight = layer.weight.numpy().astype(float)
        std = math.sqrt(2 / FAN_IN[name]) if init == "he" else 0.01
        error = 5 / math.sqrt(weight.size)  # five standard errors, relative
        assert weight.std() == pytest.approx(std, rel=error), name
        assert abs(weight.mean()) < 5 * std / math.sqrt(weight.size), name
        ones = init == "paper" and name in {"conv2", "conv4", "conv5", "fc6", "fc7"}
        assert set(layer.bias.numpy().tolist()) == {1.0 if ones else 0.0}, name


def test_the_papers_init_starts_almost_blind_on_inputs_of_unit_variance():
    """Why training stalls: the logits of different pictures hardly differ, and with he they do."""
    pictures = paddle.to_tensor(
        np.random.default_rng(0).normal(0, 1, (4, 3, 227, 227)).astype(np.float32)
    )
    spread = {}
    for init in ("he", "paper"):
        paddle.seed(0)
        net = AlexNet(5, init=init, lrn="fused")
        net.eval()
        with paddle.no_grad():
            spread[init] = float(net(pictures).numpy().std(axis=0).mean())
    assert spread["paper"] < spread["he"] / 100

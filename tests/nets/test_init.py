"""The statistics of every layer's initial weights."""

import math

import numpy as np
import paddle
import pytest

from paddle_alexnet import AlexNet, build_model
from paddle_alexnet.nets.init import INITS, weighted_layers

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


NAMES = list(FAN_IN)
HIDDEN = dict(zip(NAMES, [0, 1, 0, 1, 1, 1, 1, 0], strict=True))  # the paper's biases
PAPER = dict.fromkeys(NAMES, 0.01)
# Two over the outputs of one input, which torch counts as feature maps times kernel.
PAD2 = {
    "conv1": math.sqrt(2 / (96 * 11 * 11)),
    "conv2": math.sqrt(2 / (256 * 5 * 5)),
    "conv3": math.sqrt(2 / (384 * 3 * 3)),
    "conv4": math.sqrt(2 / (384 * 3 * 3)),
    "conv5": math.sqrt(2 / (256 * 3 * 3)),
}
# For each init the standard deviations and the biases of all layers.
STATISTICS = {
    "he": ({n: math.sqrt(2 / FAN_IN[n]) for n in NAMES}, dict.fromkeys(NAMES, 0)),
    "he_small_head": (
        {n: math.sqrt(2 / FAN_IN[n]) for n in NAMES} | {"fc8": 0.01},
        dict.fromkeys(NAMES, 0),
    ),
    "paper": (PAPER, HIDDEN),
    "krizhevsky2012": (PAPER | dict.fromkeys(("conv3", "conv4", "conv5"), 0.03), HIDDEN),
    "caffe": (PAPER | dict.fromkeys(("fc6", "fc7"), 0.005), HIDDEN),
    "kaiming_pad2": (
        PAPER | PAD2,
        {n: 1 if n.startswith("fc") else HIDDEN[n] for n in NAMES},
    ),
    "cifar10": (PAPER | {"conv1": 1e-4}, dict.fromkeys(NAMES, 0)),
    # A uniform distribution over +-b has the standard deviation b / sqrt(3).
    "torch": ({n: 1 / math.sqrt(3 * FAN_IN[n]) for n in NAMES}, None),
}


SLOW = (
    "he_small_head",
    "krizhevsky2012",
    "caffe",
    "torch",
    "cifar10",
)  # each draws 57 million weights


@pytest.mark.parametrize(
    "init", [pytest.param(i, marks=pytest.mark.slow) if i in SLOW else i for i in INITS]
)
def test_every_layer(init):
    paddle.seed(3)
    stds, biases = STATISTICS[init]
    layers = weighted_layers(AlexNet(10, init=init))
    assert [name for name, _ in layers] == NAMES
    for name, layer in layers:
        weight = layer.weight.numpy().astype(float)
        error = 5 / math.sqrt(weight.size)  # five standard errors, relative
        assert weight.std() == pytest.approx(stds[name], rel=error), name
        assert abs(weight.mean()) < 5 * stds[name] / math.sqrt(weight.size), name
        bias = layer.bias.numpy()
        if biases is not None:
            assert set(bias.tolist()) == {float(biases[name])}, name
            continue
        bound = 1 / math.sqrt(FAN_IN[name])
        for values in (weight, bias):
            assert abs(values).max() <= bound * (1 + 1e-6), name
        assert abs(weight).max() > 0.99 * bound, name
        assert bias.std() > 0.2 * bound, name


def test_a_blank_net_draws_nothing():
    paddle.seed(7)
    net = build_model("alexnet_owt", 3, width=0.1, blank=True)
    assert len(weighted_layers(net)) == 8
    assert not any(parameter.numpy().any() for parameter in net.parameters())
    drawn = paddle.rand([4]).numpy()
    paddle.seed(7)
    np.testing.assert_array_equal(paddle.rand([4]).numpy(), drawn)


@pytest.mark.parametrize(("name", "bias"), [("alexnet_caffe", 0.1), ("caffenet", 1.0)])
def test_the_two_nets_of_caffe_start_with_different_biases(name, bias):
    layers = dict(weighted_layers(build_model(name, 3, width=0.1)))
    for layer, hidden in HIDDEN.items():
        np.testing.assert_allclose(layers[layer].bias.numpy(), bias * hidden)


def test_the_papers_init_passes_on_almost_nothing_of_inputs_of_unit_variance():
    """Why training stalls: the logits of different images hardly differ, and with he they do."""
    images = paddle.to_tensor(
        np.random.default_rng(0).normal(0, 1, (4, 3, 227, 227)).astype(np.float32)
    )
    std = {}
    for init in ("he", "paper"):
        paddle.seed(0)
        net = AlexNet(5, init=init, lrn="fused")
        net.eval()
        with paddle.no_grad():
            std[init] = float(net(images).numpy().std(axis=0).mean())
    assert std["paper"] < std["he"] / 100


def test_the_old_name_of_an_init_is_read_with_one_line(caplog):
    nets = []
    for init in ("kaiming_pad2", "kaiming_seed002"):
        paddle.seed(5)
        nets.append(build_model("alexnet_pad2", 3, width=0.02, init=init))
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    (record,) = caplog.records
    assert "kaiming_pad2" in record.getMessage()

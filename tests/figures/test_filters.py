"""The first layer's kernels as images."""

import numpy as np
import pytest

from paddle_alexnet.figures.filters import MARGIN, draw_filters, filter_grid
from paddle_alexnet.nets.alexnet import AlexNet
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.stages import Conv, Linear, ReLU


def test_each_kernel_has_the_whole_range():
    kernels = np.random.default_rng(0).standard_normal((5, 3, 11, 11))
    kernels[2] *= 0.01
    got = filter_grid(kernels, columns=3)
    side = 33 + MARGIN
    assert got.shape == (2 * side + MARGIN, 3 * side + MARGIN, 3)
    for i in range(5):
        top, left = i // 3 * side + MARGIN, i % 3 * side + MARGIN
        image = got[top : top + 33, left : left + 33]
        assert (image.min(), image.max()) == (0, 255)
        small = image[::3, ::3].astype(float).transpose(2, 0, 1)
        low, high = kernels[i].min(), kernels[i].max()
        np.testing.assert_allclose(small, 255 * (kernels[i] - low) / (high - low), atol=0.51)


@pytest.mark.parametrize(("name", "towers"), [("alexnet_paper", 2), ("alexnet_pad2", 1)])
def test_towers_one_below_the_other(name, towers):
    """Of 24 kernels: in two towers each has 12, in one row; else there are 16 in a row."""
    net = build_model(name, 2, width=0.25)
    kernels = net.block1[0].weight.numpy()
    got = draw_filters(net)
    if towers == 1:
        np.testing.assert_array_equal(got, filter_grid(kernels))
        return
    half = len(got) // 2
    np.testing.assert_array_equal(got[:half], filter_grid(kernels[:12]))
    np.testing.assert_array_equal(got[half:], filter_grid(kernels[12:]))


@pytest.mark.parametrize("name", MODELS)
def test_every_net_has_filters(name):
    assert draw_filters(build_model(name, 2, width=0.05)).dtype == np.uint8


def test_nets_without_a_second_or_a_first_convolution():
    one = AlexNet(2, stages=((Conv(4, 3), ReLU()),), input_size=8)
    np.testing.assert_array_equal(draw_filters(one), filter_grid(one.block1[0].weight.numpy()))
    assert draw_filters(AlexNet(2, stages=((Linear(4), ReLU()),), input_size=8)) is None

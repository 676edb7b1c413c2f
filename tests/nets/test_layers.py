"""Layers against Paddle's own, to rounding; normalisation on the device against float64 numpy."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.nets.layers import Conv2D, Linear, Normalize


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("padding", [0, 2, [0, 3, 0, 3]])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution(groups, padding, training):
    ours, theirs = (kind(4, 6, 5, 2, padding, groups=groups) for kind in (Conv2D, nn.Conv2D))
    assert_alike(ours, theirs, (3, 4, 11, 9), training)


@pytest.mark.parametrize("padding", [0, [0, 3, 0, 3]])
def test_convolution_in_nhwc(padding):
    ours, theirs = (
        Conv2D(4, 6, 5, 2, padding, groups=2, data_format="NHWC"),
        nn.Sequential(ToFirst(), nn.Conv2D(4, 6, 5, 2, padding, groups=2), ToLast()),
    )
    assert_alike(ours, theirs, (3, 11, 9, 4), True)


class ToFirst(nn.Layer):
    def forward(self, x):
        return x.transpose([0, 3, 1, 2])


class ToLast(nn.Layer):
    def forward(self, x):
        return x.transpose([0, 2, 3, 1])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 3, 6])
def test_linear(batch, training):
    assert_alike(Linear(4, 6), nn.Linear(4, 6), (batch, 4), training)


def assert_alike(ours, theirs, shape, training):
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.set_value(paddle.randn(mine.shape))
        other.set_value(mine)
    ours.training = training
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    results = []
    for layer in (ours, theirs):
        leaf = paddle.to_tensor(x, stop_gradient=False)
        out = layer(leaf)
        (
            out * paddle.arange(out.numel()).reshape(out.shape).astype("float32").sin()
        ).sum().backward()
        results.append([out, leaf.grad, *(p.grad for p in layer.parameters())])
    for got, want in zip(*results, strict=True):
        scale = np.abs(want.numpy()).max()
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=5e-6 * scale)


def test_uint8_images_to_normalised_channels_first():
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    want = ((images / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    got = Normalize(mean, std)(paddle.to_tensor(images))
    assert got.dtype == paddle.float32
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)


def test_a_mean_image_is_subtracted_place_by_place():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    mean = np.random.default_rng(1).uniform(0, 1, (4, 5, 3))
    got = Normalize(mean, (1 / 255,) * 3)(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(got, (images - 255 * mean).transpose(0, 3, 1, 2), atol=1e-4)

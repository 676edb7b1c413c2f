"""Differences between images in a net's outputs, and the noise they are measured on."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.nets.activation_statistics import (
    mean_activations,
    measure_activations,
    pink_noise_images,
)
from paddle_alexnet.nets.init import INITS

RANGES = {"raw": (1 / 255,) * 3, "unit": (0.229, 0.224, 0.225)}
# Measured in plain numpy by others, on other noise of the same kind and at these two ranges.
ELSEWHERE = {
    "paper": (5.5e-3, 1.3e-4),
    "krizhevsky2012": (9.1e-2, 3.4e-3),
    "caffe": (1.5e-3, 3.5e-5),
    "he": (5.5, 0.16),
}


def test_of_a_small_net_by_numpy():
    net = nn.Sequential(nn.Conv2D(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 5))
    images = np.random.default_rng(0).standard_normal((6, 3, 4, 4)).astype(np.float32)
    kernel, bias, weight, last = (p.numpy().astype(np.float64) for p in net.parameters())
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))
    conv = np.einsum("ncijhw,ochw->noij", windows, kernel) + bias[:, None, None]
    logits = np.maximum(conv, 0).reshape(6, 8) @ weight + last
    got = measure_activations(net, paddle.to_tensor(images))
    assert list(got) == ["conv1", "fc2"]
    for row, values in zip(got.values(), (conv, logits), strict=True):
        assert row.std_between_images == pytest.approx(values.std(axis=0).mean(), rel=1e-5)
        assert row.rms == pytest.approx(np.sqrt((values**2).mean()), rel=1e-5)
        assert row.relative == pytest.approx(row.std_between_images / row.rms)
    assert not net[0]._forward_post_hooks


def test_equal_images_have_no_difference():
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 5))
    image = paddle.randn([1, 3, 4, 4]).expand([4, 3, 4, 4])
    assert measure_activations(net, image)["fc1"].relative < 1e-6


def test_draws_are_averaged(tiny):
    def measured(seed, draws):
        return mean_activations(tiny, "he", RANGES, images=4, seed=seed, draws=draws)["unit"]["fc8"]

    # The noise depends on the seed, so the same seed is used twice.
    assert measured(0, 1) == measured(0, 1) != measured(0, 2)
    assert set(mean_activations(tiny, "he", RANGES, images=2, seed=0, draws=1)) == set(RANGES)


@pytest.mark.slow
@pytest.mark.parametrize("init", INITS.keys() & ELSEWHERE.keys())
def test_the_table_of_docs_init(init):
    rows = mean_activations("alexnet_paper", init, RANGES, images=8, seed=0, draws=1)
    for name, want in zip(RANGES, ELSEWHERE[init], strict=True):
        assert want / 2 < rows[name]["fc8"].std_between_images < want * 2


def test_amplitude_falls_as_one_over_frequency():
    images = pink_noise_images(24, 64, 0).astype(float)
    power = (np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2).mean(axis=(0, 3))
    frequency = np.arange(2, 20)
    slope = np.polyfit(np.log(frequency), np.log(power[frequency, 0]), 1)[0]
    assert -2.2 < slope < -1.8  # of power


def test_range_and_seed():
    images = pink_noise_images(3, 16, 1)
    assert images.shape == (3, 16, 16, 3)
    assert images.dtype == np.uint8
    assert (images.min(axis=(1, 2, 3)) == 0).all()
    assert (images.max(axis=(1, 2, 3)) == 255).all()
    assert (images == pink_noise_images(3, 16, 1)).all()
    assert (images != pink_noise_images(3, 16, 2)).any()

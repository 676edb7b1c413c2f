"""Normalisation on the device against float64 numpy."""

import numpy as np
import paddle

from paddle_alexnet.nets.layers import Normalize


def test_uint8_images_to_normalised_channels_first():
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    want = ((images / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    got = Normalize(mean, std)(paddle.to_tensor(images))
    assert got.dtype == paddle.float32
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)


def test_a_mean_picture_is_subtracted_place_by_place():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    mean = np.random.default_rng(1).uniform(0, 1, (4, 5, 3))
    got = Normalize(mean, (1 / 255,) * 3)(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(got, (images - 255 * mean).transpose(0, 3, 1, 2), atol=1e-4)

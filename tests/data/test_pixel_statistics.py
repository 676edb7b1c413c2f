"""Pixel statistics against numpy over all of them at once."""

import numpy as np
import pytest

from paddle_alexnet.data.pixel_statistics import (
    PixelStatistics,
    measure_pixel_statistics,
    read_pixel_statistics,
    write_pixel_statistics,
)
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.tensors import write_tensors

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 6, 6, 3), dtype=np.uint8)
IMAGES[..., 1] = IMAGES[..., 0] // 2 + 20  # colours that vary together
LABELS = np.zeros(11, np.int64)


def batches(size, images=IMAGES):
    for start in range(0, len(images), size):
        yield [images[start : start + size], LABELS[:1]]


def test_mean_image_and_covariance():
    pixels = measure_pixel_statistics(batches(4), 6)
    np.testing.assert_allclose(pixels.mean_image, IMAGES.mean(axis=0), rtol=1e-12)
    flat = IMAGES.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(pixels.covariance, np.cov(flat.T, bias=True), rtol=1e-9)


def test_batches_and_order_change_nothing():
    a, b = (
        measure_pixel_statistics(batches(4), 6),
        measure_pixel_statistics(batches(3, IMAGES[::-1]), 6),
    )
    np.testing.assert_array_equal(a.mean_image, b.mean_image)
    np.testing.assert_array_equal(a.covariance, b.covariance)


@pytest.mark.parametrize("first", [4, 11])  # with 11, the other process has no image
def test_two_processes_find_what_one_does(first):
    sums = []
    for part in (IMAGES[:first], IMAGES[first:]):
        measure_pixel_statistics(
            batches(4, part), 6, lambda own: sums.append(own) or [1.0] * len(own)
        )
    both = np.sum(sums, axis=0).tolist()
    got = measure_pixel_statistics(batches(4, IMAGES[:first]), 6, lambda own: both)
    want = measure_pixel_statistics(batches(4), 6)
    np.testing.assert_array_equal(got.mean_image, want.mean_image)
    np.testing.assert_array_equal(got.covariance, want.covariance)


def test_components_are_the_eigenvectors_by_falling_variance():
    pixels = measure_pixel_statistics(batches(4), 6)
    variances, vectors = pixels.components()
    assert variances[0] > variances[1] > variances[2] >= 0
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(pixels.covariance @ vectors, vectors * variances, atol=1e-8)
    # The spread of the pixels along each, measured.
    along = IMAGES.reshape(-1, 3).astype(float) @ vectors
    np.testing.assert_allclose(along.var(axis=0), variances, atol=1e-8)


def test_the_middle_of_the_mean_image():
    mean = np.arange(6 * 6 * 3, dtype=float).reshape(6, 6, 3)
    np.testing.assert_array_equal(PixelStatistics(mean, np.eye(3)).mean_crop(4), mean[1:5, 1:5])
    np.testing.assert_array_equal(PixelStatistics(mean, np.eye(3)).mean_crop(3), mean[1:4, 1:4])


def test_there_and_back_through_a_file(tmp_path):
    pixels, path = measure_pixel_statistics(batches(4), 6), tmp_path / "pixels.safetensors"
    write_pixel_statistics(path, pixels)
    again = read_pixel_statistics(path, 6)
    np.testing.assert_array_equal(again.mean_image, pixels.mean_image)
    np.testing.assert_array_equal(again.covariance, pixels.covariance)


def test_another_file_is_refused(tmp_path):
    good = {"mean_image": np.zeros((6, 6, 3)), "covariance": np.zeros((3, 3))}
    write_tensors(tmp_path / "x", good, {})
    read_pixel_statistics(tmp_path / "x", 6)
    for change in (
        {"mean_image": np.zeros((5, 5, 3))},
        {"mean_image": np.zeros((6, 6, 3), np.int64)},
        {"mean_image": np.full((6, 6, 3), np.nan)},
        {"covariance": np.zeros(9)},
        {"covariance": np.full((3, 3), 1e30)},
    ):
        write_tensors(tmp_path / "x", {**good, **change}, {})
        with pytest.raises(WeightsError, match="pixel statistics"):
            read_pixel_statistics(tmp_path / "x", 6)
    write_tensors(tmp_path / "x", {"a": np.zeros(1)}, {})
    with pytest.raises(WeightsError, match="pixel statistics"):
        read_pixel_statistics(tmp_path / "x", 6)

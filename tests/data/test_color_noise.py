"""Colour noise against the two formulas, and from the file to the net's input."""

import numpy as np
import paddle
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.data.pixel_statistics import ColorNoise, PixelStatistics
from paddle_alexnet.data.transforms import RandomCrop
from paddle_alexnet.nets.layers import Normalize

# Colours of 0..255 that vary mostly in brightness.
COVARIANCE = np.array([[4000.0, 3500, 3000], [3500, 3900, 3400], [3000, 3400, 4300]])
PIXELS = PixelStatistics(np.zeros((4, 4, 3)), COVARIANCE)
KINDS = ("paper", "krizhevsky2012")


def by_hand(kind, factors):
    """What is added to pixels on 0..255, from numpy's eigenvectors."""
    if kind == "paper":
        values, vectors = np.linalg.eigh(COVARIANCE / 255**2)  # pixels on [0, 1]
        return 255 * (vectors @ (factors * values))
    values, vectors = np.linalg.eigh(COVARIANCE)
    return vectors @ (factors * np.sqrt(values))


@pytest.mark.parametrize("kind", KINDS)
def test_the_formula(kind):
    noise = ColorNoise.build(kind, PIXELS)
    factors = 0.1 * np.random.default_rng(5).standard_normal(3)
    got = noise.draw(np.random.default_rng(5)).astype(float)
    # eigh orders by rising variance and leaves the signs open.
    _, vectors = PIXELS.components()
    _, theirs = np.linalg.eigh(COVARIANCE)
    signs = np.sign((theirs[:, ::-1] * vectors).sum(axis=0))
    np.testing.assert_allclose(got, by_hand(kind, (signs * factors)[::-1]), rtol=1e-5)


@pytest.mark.parametrize(("kind", "power"), [("paper", 1.0), ("krizhevsky2012", 0.5)])
def test_the_spread_along_each_component(kind, power):
    rng = np.random.default_rng(0)
    noise = ColorNoise.build(kind, PIXELS)
    shifts = np.stack([noise.draw(rng) for _ in range(4000)]) / 255
    variances, vectors = np.linalg.eigh(COVARIANCE / 255**2)
    want = 0.1 * variances**power
    np.testing.assert_allclose((shifts @ vectors).std(axis=0), want, rtol=0.06)  # 5 standard errors


def test_the_text_and_the_code_differ():
    """On these colours the code's change is several times the text's."""
    assert ColorNoise.build("paper", PIXELS).divisor == 1.0
    assert ColorNoise.build("krizhevsky2012", PIXELS).divisor == 1.1
    spread = [np.abs(ColorNoise.build(kind, PIXELS).directions).max() for kind in KINDS]
    assert spread[1] > 2 * spread[0]


def test_none_needs_no_statistics():
    assert ColorNoise.build("none", None) is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_image_is_changed_by_one_shift(flowers, kind):
    """From the file to the input: all pixels of an image by the same, each image by its own."""
    dataset, noise = FlowerFolder(flowers), ColorNoise.build(kind, PIXELS)
    settings = {"batch_size": 50, "seed": 3}
    plain = TrainingBatches(dataset, RandomCrop(16, 20), **settings)
    noisy = TrainingBatches(dataset, RandomCrop(16, 20), draw_offset=noise.draw, **settings)
    ((images, labels),) = plain.epoch(1)
    ((same_images, same_labels, shifts),) = noisy.epoch(1)
    np.testing.assert_array_equal(images.numpy(), same_images.numpy())
    np.testing.assert_array_equal(labels.numpy(), same_labels.numpy())
    assert tuple(shifts.shape) == (50, 3)

    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    before = Normalize(mean, std)(images).numpy()
    after = Normalize(mean, std, noise.divisor)(same_images, shifts).numpy()
    change = after * noise.divisor - before
    np.testing.assert_allclose(change.std(axis=(2, 3)), 0, atol=1e-5)
    want = shifts.numpy() / 255 / np.array(std)
    np.testing.assert_allclose(change.mean(axis=(2, 3)), want, atol=1e-5)
    assert len(np.unique(shifts.numpy()[:, 0])) == 50


def test_shifts_depend_on_seed_epoch_and_image_and_can_be_off(flowers):
    dataset, noise = FlowerFolder(flowers), ColorNoise.build("paper", PIXELS)

    def shifts(epoch, noisy=True, **settings):
        batches = TrainingBatches(dataset, RandomCrop(16, 20), draw_offset=noise.draw, **settings)
        return [part[2].numpy() for part in batches.epoch(epoch, offsets=noisy) if len(part) > 2]

    first = np.concatenate(shifts(1, batch_size=8, seed=1))
    np.testing.assert_array_equal(first, np.concatenate(shifts(1, batch_size=20, seed=1)))
    np.testing.assert_array_equal(first, np.concatenate(shifts(1, batch_size=8, seed=1, workers=1)))
    assert not np.array_equal(first, np.concatenate(shifts(0, batch_size=8, seed=1)))
    assert shifts(1, noisy=False, batch_size=8, seed=1) == []


def test_pixels_of_the_input_move_as_the_formula_says():
    """((x - mean) + shift) / 1.1, on 0..255, as run #145."""
    x = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    mean = np.random.default_rng(1).uniform(0, 1, (5, 5, 3))
    shift = np.array([[1.0, -2, 3], [0.5, 0, -9]], np.float32)
    normalize = Normalize(mean, (1 / 255,) * 3, offset_divisor=1.1)
    got = normalize(paddle.to_tensor(x), paddle.to_tensor(shift)).numpy()
    want = ((x - 255 * mean) + shift[:, None, None]) / 1.1
    np.testing.assert_allclose(got, want.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-3)

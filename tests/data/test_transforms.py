"""Transforms against formulas in float64."""

import colorsys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_alexnet.config.schema import AugmentConfig
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import (
    AUGMENTATIONS,
    ColorJitter,
    Compose,
    RandomCrop,
    RandomResizedCrop,
    build_augmentation,
    center_crop,
    central_square,
    random_flip,
    resize,
    resize_short_side,
    scale_brightness,
    scale_contrast,
    scale_saturation,
    shift_hue,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_shrinking_averages_areas():
    want = IMAGE.astype(float).reshape(10, 3, 10, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize(IMAGE, 10, 10) - want).max() <= 0.51


@pytest.mark.parametrize(
    ("shape", "want"),
    [((30, 40), (24, 32)), ((40, 30), (32, 24)), ((100, 1), (2400, 24)), ((24, 24), (24, 24))],
)
def test_short_side(shape, want):
    assert resize_short_side(np.zeros((*shape, 3), np.uint8), 24).shape[:2] == want


def test_center_crop():
    np.testing.assert_array_equal(center_crop(IMAGE, 10), IMAGE[10:20, 15:25])
    np.testing.assert_array_equal(center_crop(IMAGE, 29), IMAGE[0:29, 5:34])


def test_flip_is_a_mirror_half_of_the_time():
    flipped = 0
    for seed in range(400):
        got = random_flip(IMAGE, rng(seed))
        if np.array_equal(got, IMAGE[:, ::-1]):
            flipped += 1
        else:
            np.testing.assert_array_equal(got, IMAGE)
    assert 160 < flipped < 240  # four standard deviations


def test_the_papers_crop_reaches_all_33_offsets():
    """256 - 224 = 32, and both ends count; the published counts have 32."""
    grid = np.zeros((256, 256, 3), np.uint8)
    grid[..., 0], grid[..., 1] = np.arange(256)[:, None], np.arange(256)[None]
    crop = RandomCrop(224)
    corners = [crop(grid, rng(seed))[0, 0, :2].tolist() for seed in range(600)]
    assert {top for top, _ in corners} == set(range(33))
    assert {left for _, left in corners} == set(range(33))


def test_random_crop_of_a_squashed_image():
    """As Caffe: the whole image becomes the square that is cropped."""
    crop = RandomCrop(20, 20, squash=True)
    np.testing.assert_array_equal(crop(IMAGE, rng()), resize(IMAGE, 20, 20))


def test_random_resized_crop_respects_area_and_aspect_ratio():
    crop = RandomResizedCrop(8, scale=(0.3, 0.6), ratio=(0.5, 2.0))
    generator = rng()
    areas, shapes = [], []
    for _ in range(2000):
        top, left, h, w = crop.window(300, 400, generator)
        assert 0 <= top <= 300 - h
        assert 0 <= left <= 400 - w
        areas.append(h * w / 120_000)
        shapes.append(w / h)
    assert 0.29 < min(areas) < 0.32
    assert 0.58 < max(areas) < 0.61
    assert 0.49 < min(shapes) < 0.55
    assert 1.85 < max(shapes) < 2.02


def test_random_resized_crop_scales_its_window():
    crop = RandomResizedCrop(8, scale=(0.3, 1.0))
    top, left, h, w = crop.window(30, 40, rng(5))
    want = resize(IMAGE[top : top + h, left : left + w], 8, 8)
    np.testing.assert_array_equal(crop(IMAGE, rng(5)), want)


@pytest.mark.parametrize(("shape", "want"), [((1, 500), (1, 1)), ((500, 1), (1, 1))])
def test_very_long_images_give_their_centre(shape, want):
    top, left, h, w = RandomResizedCrop(8).window(*shape, rng())
    assert (h, w) == want
    assert (top, left) == ((shape[0] - h) // 2, (shape[1] - w) // 2)


SIZES = st.one_of(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(st.integers(1, 3), st.integers(300, 200_000)),
    st.tuples(st.integers(300, 200_000), st.integers(1, 3)),
)
JITTER = ColorJitter(0.4, 0.4, 0.4, 0.1)


@settings(deadline=None)
@given(SIZES, st.integers(1, 40), st.integers(0, 20), st.integers(0, 2**32))
def test_any_size_gives_the_size_asked_for(shape, size, margin, seed):
    """The result depends only on the generator; the image itself is not changed."""
    image = np.resize(IMAGE, (*shape, 3))
    before = image.copy()
    for transform in (
        RandomResizedCrop(size, (0.1, 1.0)),
        RandomCrop(size, size + margin),
        RandomCrop(size, size + margin, squash=True),
        Compose([RandomResizedCrop(size), random_flip, JITTER]),
    ):
        got = transform(image, rng(seed))
        assert (got.shape, got.dtype) == ((size, size, 3), np.uint8)
        np.testing.assert_array_equal(transform(image, rng(seed)), got)
    for squash in (False, True):
        got = central_square(image, size, squash)
        assert (got.shape, got.dtype) == ((size, size, 3), np.uint8)
    np.testing.assert_array_equal(image, before)


@settings(deadline=None)
@given(SIZES, st.integers(0, 2**32))
def test_windows_lie_within_images_of_any_size(shape, seed):
    top, left, height, width = RandomResizedCrop(8).window(*shape, rng(seed))
    assert 0 <= top < top + height <= shape[0]
    assert 0 <= left < left + width <= shape[1]


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(1, 60), st.integers(1, 64), st.booleans())
def test_the_central_square_is_the_centre_of_the_scaled_image(short, ratio, side, upright):
    """Also of very long images, of which only the centre is scaled."""
    long = round(short * ratio)
    wave = np.rint(127 + 120 * np.sin(np.arange(long) / short * 2)).astype(np.uint8)
    image = np.dstack([np.broadcast_to(wave, (short, long))] * 3)
    if upright:
        image = image.transpose(1, 0, 2)
    got = central_square(image, side)
    want = center_crop(resize_short_side(image, side), side).astype(int)
    # Rounding the long side moves the middle by half a pixel of the result at most; so far, the
    # wave rises by 120 / side.
    assert np.abs(got - want).max() <= 120 / side + 3


def test_a_very_long_image_takes_little_memory():
    """256 x 12,800,000 pixels, were it scaled whole."""
    image = np.zeros((50_000, 1, 3), np.uint8)
    image[24_998:25_002] = 200
    tracemalloc.start()
    got = central_square(image, 256)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000
    assert got[128, 128].tolist() == [200, 200, 200]


PIXELS = IMAGE.astype(np.float32)
GREY = IMAGE.astype(float) @ (0.299, 0.587, 0.114)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_factors(factor):
    image = IMAGE.astype(float)
    for change, want in (
        (scale_brightness, image * factor),
        (scale_contrast, GREY.mean() + factor * (image - GREY.mean())),
        (scale_saturation, GREY[..., None] + factor * (image - GREY[..., None])),
    ):
        np.testing.assert_allclose(change(PIXELS, factor), want, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("fraction", [-0.5, -0.1, 0.0, 0.25, 0.5])
def test_hue_as_colorsys_has_it(fraction):
    want = np.empty(IMAGE.shape)
    for place in np.ndindex(IMAGE.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*(IMAGE[place] / 255.0))
        want[place] = np.multiply(colorsys.hsv_to_rgb((h + fraction) % 1, s, v), 255)
    np.testing.assert_allclose(shift_hue(PIXELS, fraction), want, atol=0.05)


def test_jitter_stays_in_range_and_depends_on_the_generator():
    flat = np.full((4, 4, 3), 100, np.uint8)
    values = {int(ColorJitter(brightness=0.3)(flat, rng(s))[0, 0, 0]) for s in range(300)}
    assert 70 <= min(values) < 75
    assert 125 < max(values) <= 130
    jitter = ColorJitter(0.5, 0.5, 0.5, 0.5)
    np.testing.assert_array_equal(jitter(IMAGE, rng(3)), jitter(IMAGE, rng(3)))
    assert not np.array_equal(jitter(IMAGE, rng(3)), jitter(IMAGE, rng(4)))
    np.testing.assert_array_equal(ColorJitter()(IMAGE, rng()), IMAGE)


def test_bright_colours_are_clipped_not_wrapped():
    white = np.full((4, 4, 3), 250, np.uint8)
    got = [ColorJitter(brightness=1.0)(white, rng(s)) for s in range(50)]
    assert max(image.max() for image in got) == 255
    twice = [image for image in got if image.min() == 255]
    assert len(twice) > 15  # half of the factors are over 1.02


def test_compose_is_in_order():
    def double(image, generator):
        return image * 2

    def add(image, generator):
        return image + 1

    assert Compose([double, add])(np.array([3]), rng()) == [7]


PREPROCESSING = Preprocessing(input_size=12, resize=16)


def test_the_keys_choose_the_augmentation():
    jitter = AugmentConfig(hue=0.1, flip=False)
    assert build_augmentation(jitter, PREPROCESSING).steps == [
        RandomResizedCrop(12, (0.3, 1.0)),
        ColorJitter(hue=0.1),
    ]
    paper = AugmentConfig(crop="random")
    assert build_augmentation(paper, PREPROCESSING).steps == [RandomCrop(12, 16), random_flip]


def test_an_augmentation_from_outside_is_applied_after_the_others(monkeypatch):
    """As a user would add one, here without a key of its own."""
    seen = []

    def solarize(image, generator):
        seen.append(image)
        return np.where(image < generator.integers(100, 200), image, 255 - image)

    before = build_augmentation(AugmentConfig(contrast=0.5), PREPROCESSING)
    monkeypatch.setitem(AUGMENTATIONS, "solarize", lambda keys, preprocessing: solarize)
    after = build_augmentation(AugmentConfig(contrast=0.5), PREPROCESSING)
    generator = rng(7)
    want = before(IMAGE, generator)
    np.testing.assert_array_equal(after(IMAGE, rng(7)), solarize(want, generator))
    np.testing.assert_array_equal(seen[0], want)
    assert want.shape == (12, 12, 3)


def test_an_augmentation_that_its_keys_switch_off_is_left_out(monkeypatch):
    monkeypatch.setitem(AUGMENTATIONS, "off", lambda keys, preprocessing: None)
    assert len(build_augmentation(AugmentConfig(), PREPROCESSING).steps) == 2


def test_the_crop_center_is_that_of_validation():
    preprocessing = Preprocessing(20, 24)
    keys = AugmentConfig(crop="center", flip=False)
    augment = build_augmentation(keys, preprocessing)
    np.testing.assert_array_equal(augment(IMAGE, rng(0)), preprocessing(IMAGE))

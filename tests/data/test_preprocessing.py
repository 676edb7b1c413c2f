"""From an image to the input."""

import json

import numpy as np
import pytest

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import resize


def test_short_side_then_centre():
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    got = Preprocessing(input_size=24, resize=30)(image)
    np.testing.assert_array_equal(got, resize(image, 30, 40)[3:27, 8:32])


def test_squashing_keeps_the_whole_image():
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    got = Preprocessing(input_size=24, resize=30, squash=True)(image)
    np.testing.assert_array_equal(got, resize(image, 30, 30)[3:27, 3:27])


def test_ten_views_are_corners_centre_and_mirrors():
    """Offsets 0 and 256 - 224 = 32, and 16 in the middle, of the central square."""
    grid = np.zeros((256, 300, 3), np.uint8)
    grid[..., 0], grid[..., 1] = np.arange(256)[:, None], np.clip(np.arange(300) - 22, 0, 255)
    preprocessing = Preprocessing(224, 256)
    views = preprocessing.views(grid)
    assert views.shape == (10, 224, 224, 3)
    corners = [tuple(v[0, 0, :2].tolist()) for v in views[:5]]
    assert corners == [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])
    np.testing.assert_array_equal(views[4], preprocessing(grid))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (227, 227), (5000, 40)])
def test_images_of_any_size_give_the_input_size(shape):
    assert Preprocessing()(np.zeros((*shape, 3), np.uint8)).shape == (227, 227, 3)


def test_json_round_trip():
    preprocessing = Preprocessing(32, 36, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing
    old = {k: v for k, v in preprocessing.to_json().items() if k != "squash"}
    assert Preprocessing.from_json(old) == preprocessing


@pytest.mark.parametrize(
    "change",
    [
        {"input_size": 0},
        {"input_size": 300},
        {"input_size": True},
        {"input_size": 22.5},
        {"resize": 10**9},
        {"mean": [0, 0]},
        {"mean": [0, 0, float("nan")]},
        {"std": [1, 1, 0]},
        {"std": "abc"},
        {"more": 1},
        {"squash": 0},
    ],
)
def test_values_out_of_range(change):
    with pytest.raises((ValueError, TypeError)):
        Preprocessing.from_json({**Preprocessing().to_json(), **change})

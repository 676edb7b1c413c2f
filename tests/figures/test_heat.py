"""Heat maps over images."""

import numpy as np

from paddle_alexnet.figures.captions import FontChooser
from paddle_alexnet.figures.heat import STRENGTH, heat_row, overlay


def lightness(image):
    return image.astype(float) @ (0.2126, 0.7152, 0.0722)


def test_lighter_where_it_is_hotter():
    """On one grey, and as light for any class of colours: a print in grey tells the same."""
    image = np.full((10, 256, 3), 90, np.uint8)
    heat = np.tile(np.linspace(0, 7.5, 256), (10, 1))
    got = lightness(overlay(image, heat))[0]
    assert (np.diff(got) > -1.5).all()  # rounding
    assert got[-1] - got[0] > 100


def test_by_the_ends_of_the_colours():
    """Black at 0 and below; at the largest hundredth the last colour, which is nearly white."""
    image = np.full((100, 100, 3), (200, 0, 0), np.uint8)
    heat = np.full((100, 100), -3.0)
    heat[0] = 2.0
    heat[0, 0] = 1000.0  # alone
    got = overlay(image, heat).astype(float)
    grey = 0.299 * 200
    np.testing.assert_allclose(got[50, 50], (1 - STRENGTH) * grey, atol=3)
    np.testing.assert_allclose(got[0, 9], got[0, 0])
    np.testing.assert_allclose(
        got[0, 9], (1 - STRENGTH) * grey + STRENGTH * np.array((252, 255, 164)), atol=3
    )


def test_maps_without_heat_or_with_a_single_place():
    image = np.full((20, 20, 3), 128, np.uint8)
    cold = overlay(image, np.zeros((20, 20)))
    assert (cold == cold[0, 0]).all()
    single = np.zeros((20, 20))
    single[3, 4] = 1e-9
    hot = np.argwhere(lightness(overlay(image, single)) > lightness(cold)[0, 0] + 50)
    assert hot.tolist() == [[3, 4]]


def test_a_row():
    image = np.random.default_rng(0).integers(0, 256, (240, 240, 3), dtype=np.uint8)
    heat = np.random.default_rng(1).random((240, 240))
    got = heat_row(image, ["91% rose"], {"block1": heat, "block2": heat.T}, FontChooser())
    assert got.shape[1] == 3 * 240
    np.testing.assert_array_equal(got[:240, :240], image)
    np.testing.assert_array_equal(got[:240, 240:480], overlay(image, heat))
    np.testing.assert_array_equal(got[:240, 480:], overlay(image, heat.T))

"""Bars of scores and sheets of neighbours, by their pixels."""

import numpy as np

from paddle_alexnet.figures.captions import BACKGROUND, FontChooser
from paddle_alexnet.figures.figure4 import BAR, GAP, TRUE_BAR, neighbor_sheet, score_bars

IMAGE = np.full((240, 480, 3), (10, 120, 30), np.uint8)
SCORES = [0.5, 0.25, 0.125, 0.0625, 0.03, 0.01]
NAMES = ["a", "b", "c", "d", "e", "f"]


def lengths(picture, color):
    """Of the bars, from top to bottom, at a row of pixels without letters."""
    rows = (picture == color).all(axis=2).sum(axis=1)
    starts = np.flatnonzero((rows[1:] > 0) & (rows[:-1] == 0)) + 1
    return [int(rows[start + 1]) for start in starts]


def test_five_bars_as_long_as_the_scores():
    got = score_bars(IMAGE, SCORES, NAMES, FontChooser())
    np.testing.assert_array_equal(got[:240], IMAGE)
    full = 480 - 20  # a margin of half a letter at both sides
    wanted = [score * full for score in SCORES[:5]]
    np.testing.assert_allclose(lengths(got, BAR), wanted, atol=2)
    assert not lengths(got, TRUE_BAR)


def test_the_true_class_has_a_line_and_a_bar_of_its_own():
    plain = score_bars(IMAGE, SCORES, NAMES, FontChooser())
    got = score_bars(IMAGE, SCORES, NAMES, FontChooser(), true="b")
    np.testing.assert_allclose(lengths(got, TRUE_BAR), [0.25 * 460], atol=2)
    assert len(lengths(got, BAR)) == 4
    assert len(got) - len(plain) == 30  # one line of letters of 20 pixels
    assert not lengths(score_bars(IMAGE, SCORES, NAMES, FontChooser(), true="f"), TRUE_BAR)


def test_two_classes_have_two_bars():
    assert len(lengths(score_bars(IMAGE, [0.7, 0.3], ["a", "b"], FontChooser()), BAR)) == 2


def test_a_sheet_of_neighbors():
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    cells = [(np.full((64, 64, 3), color, np.uint8), ["name", "0.1"]) for color in colors]
    rows = [(cells[0], [cells[1], cells[2]]), (cells[3], [cells[0], cells[0]])]
    got = neighbor_sheet(rows, FontChooser())
    height, width = len(got) // 2, 240
    assert got.shape[1] == 3 * width + GAP
    lefts = (0, width + GAP, 2 * width + GAP)
    for top, wanted in ((0, (0, 1, 2)), (height, (3, 0, 0))):
        for left, color in zip(lefts, wanted, strict=True):
            place = got[top : top + width, left : left + width]
            assert (place == colors[color]).all()
    assert (got[:, width : width + GAP] == BACKGROUND).all()

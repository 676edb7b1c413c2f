"""Timings as a plot."""

import cv2
import pytest

from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.plots import plot_bars

ROWS = {"a": {"median": 1.0, "low": 0.9, "high": 1.5}, "b": {"median": 3.0}}


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_lengths_of_bars_are_the_medians(tmp_path, ratio):
    rows = {"a": {"median": 1.0}, "b": {"median": ratio}}
    plot_bars(rows, "ms", "title", tmp_path / "x.png")
    image = cv2.imread(str(tmp_path / "x.png")).astype(int)
    # matplotlib's first colour, 1f77b4; a line of the picture may cross a bar.
    blue = (abs(image - (0xB4, 0x77, 0x1F)).max(axis=2) < 8).sum(axis=1)
    lengths = blue[blue > 0]
    assert lengths.max() / lengths.min() == pytest.approx(ratio, rel=0.05)


def test_no_folder(tmp_path):
    with pytest.raises(RunError, match="no folder"):
        plot_bars(ROWS, "ms", "title", tmp_path / "no" / "x.png")

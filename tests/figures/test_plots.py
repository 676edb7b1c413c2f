"""Plots: colours and lengths in the PNG files."""

import math

import cv2
import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.plots import (
    COLORS,
    pixels,
    plot_bars,
    plot_calibration,
    plot_claim,
    plot_confusion,
    plot_runs,
    save,
)
from paddle_alexnet.results.claims import Comparison
from paddle_alexnet.results.classification import calibration
from paddle_alexnet.results.comparison import Difference
from paddle_alexnet.results.verdicts import Verdict

ROWS = {"a": {"median": 1.0, "low": 0.9, "high": 1.5}, "b": {"median": 3.0}}


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_lengths_of_bars_are_the_medians(tmp_path, ratio):
    rows = {"a": {"median": 1.0}, "b": {"median": ratio}}
    save(plot_bars(rows, "ms", "title"), tmp_path / "x.png")
    image = cv2.imread(str(tmp_path / "x.png")).astype(int)
    # matplotlib's first colour, 1f77b4; other lines of the plot may cross a bar.
    blue = (abs(image - (0xB4, 0x77, 0x1F)).max(axis=2) < 8).sum(axis=1)
    lengths = blue[blue > 0]
    assert lengths.max() / lengths.min() == pytest.approx(ratio, rel=0.05)


def test_bars_in_a_missing_folder(tmp_path):
    with pytest.raises(RunError, match="no folder"):
        save(plot_bars(ROWS, "ms", "title"), tmp_path / "no" / "x.png")


def test_a_plot_of_two_runs(tmp_path):
    rows = [
        {"epoch": e, "train/loss": 2 / e, "val/loss": 2.1 / e, "train/top1": 0.1, "val/top1": 0.2}
        for e in range(1, 4)
    ]
    save(plot_runs({"one": rows, "two": rows[:2]}), tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        colours = image.convert("RGB").getcolors(1 << 24)
    common = {colour for count, colour in colours if count > 50}
    wanted = [tuple(int(color[i : i + 2], 16) for i in (1, 3, 5)) for color in COLORS[:2]]
    assert set(wanted) <= common
    assert abs(np.dot(np.subtract(*wanted), [0.3, 0.59, 0.11])) > 20  # so in greyscale too


def test_runs_may_have_any_name(tmp_path):
    """Matplotlib reads text between two $ as a formula."""
    rows = [{"epoch": 1, "train/loss": 2, "val/loss": 2, "train/top1": 0.1, "val/top1": 0.2}]
    save(plot_runs({r"runs/$\frac$": rows, "two\nlines": rows}), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_plot_in_a_missing_folder(tmp_path):
    with pytest.raises(RunError, match="there is no folder"):
        save(plot_runs({"one": []}), tmp_path / "no" / "curve.png")


def test_a_run_that_diverged_is_plotted(tmp_path):
    row = {"epoch": 1, "train/loss": math.nan, "val/loss": math.inf, "train/top1": 0, "val/top1": 0}
    save(plot_runs({"one": [row]}), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_the_darkness_of_a_cell_is_its_fraction():
    counts = np.array([[8, 2, 0], [3, 7, 0], [0, 0, 0]])  # no image of the third class
    image = pixels(plot_confusion(counts, ["a", "b", "$c$"], normalised=True))
    assert min(image.shape[:2]) >= 560

    def area(share):
        color = np.round(np.array(colormaps["Greys"](share)[:3]) * 255)
        return (abs(image - color).max(axis=2) <= 1).sum()

    areas = [area(share) for share in (0.8, 0.2, 0.3, 0.7)]
    assert min(areas) > 0.8 * max(areas) > 5000


def test_a_confusion_matrix_of_1000_classes_is_of_moderate_size():
    """With numbers it would have a side of 82,000 pixels."""
    image = pixels(plot_confusion(np.diag(np.full(1000, 50)), list(map(str, range(1000)))))
    assert 560 <= min(image.shape[:2]) <= max(image.shape[:2]) < 2000
    assert (image.max(axis=2) < 128).sum() > 500  # the diagonal


def test_a_reliability_diagram_shows_every_bin():
    labels = np.repeat([0, 1], 50)
    scores = np.linspace(0.5, 1, 100)
    table = np.stack([1 - scores, scores], axis=1)
    image = pixels(plot_calibration(calibration(labels, table.argmax(axis=1), table, bins=5)))
    assert image.dtype == np.uint8
    assert (image.max(axis=2) - image.min(axis=2)).max() == 0  # readable in greyscale


def test_the_arms_of_a_claim_are_at_their_means():
    values = {"relu": {0: 8.0, 1: 9.0, 2: 10.0}, "tanh": {0: 40.0}, "none": {}}
    comparison = Comparison(better=["relu"], than=["tanh"])
    verdicts = [
        Verdict(comparison, "relu", "tanh", Difference(-31.0, -33.0, -29.0, True, 2)),
        Verdict(comparison),
    ]
    left, right = plot_claim(values, verdicts, 2.0, "epochs", {"relu": [], "tanh": [0]}).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["relu", "tanh"]
    means = [(*line.get_xdata(), line.get_marker()) for line in left.lines]
    assert (18.0, "o") in means and (80.0, ">") in means
    (reach,) = left.collections  # of the arm with several seeds
    assert reach.get_segments()[0][:, 0] == pytest.approx([16.0, 20.0])
    assert [label.get_text() for label in right.get_yticklabels()] == ["relu - tanh"]
    assert right.collections[0].get_segments()[0][:, 0] == pytest.approx([-66.0, -58.0])

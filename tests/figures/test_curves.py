"""Plots."""

import pytest
from PIL import Image

from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.plots import plot_runs


def test_a_plot_of_two_runs(tmp_path):
    rows = [
        {"epoch": e, "train/loss": 2 / e, "val/loss": 2.1 / e, "train/top1": 0.1, "val/top1": 0.2}
        for e in range(1, 4)
    ]
    plot_runs({"one": rows, "two": rows[:2]}, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        colours = picture.convert("RGB").getcolors(1 << 24)
    common = {colour for count, colour in colours if count > 50}
    assert {(31, 119, 180), (255, 127, 14)} <= common  # matplotlib's C0 and C1


def test_runs_may_have_any_name(tmp_path):
    """Matplotlib takes what stands between two $ for a formula."""
    rows = [{"epoch": 1, "train/loss": 2, "val/loss": 2, "train/top1": 0.1, "val/top1": 0.2}]
    plot_runs({r"runs/$\frac$": rows, "two\nlines": rows}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_plot_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match="there is no folder"):
        plot_runs({"one": []}, tmp_path / "no" / "curve.png")

"""Timings as a plot."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from paddle_alexnet.storage.writing import write_whole


def plot_bars(
    rows: Mapping[str, Mapping[str, float]], unit: str, title: str, path: str | Path
) -> None:
    """Draw medians as bars, with their quartiles where there are some, to a PNG file.

    Args:
        rows: For each name ``median`` and, where measured, ``low`` and ``high``.
        unit: Of the figures.
        title: What was measured.
        path: Where to.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(8, 0.9 + 0.45 * len(rows)), layout="constrained")
    axes = figure.subplots()
    medians = [row["median"] for row in rows.values()]
    around = [
        [max(0.0, row["median"] - row.get("low", row["median"])) for row in rows.values()],
        [max(0.0, row.get("high", row["median"]) - row["median"]) for row in rows.values()],
    ]
    bars = axes.barh(list(rows), medians, xerr=around, color="C0", ecolor="0.3", capsize=3)
    axes.bar_label(bars, fmt="{:.4g}", padding=4)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(title, fontsize=10)
    write_whole(path, lambda beside: figure.savefig(beside, dpi=110, format="png"))

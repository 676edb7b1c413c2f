"""Timings as a plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from paddle_alexnet.nets.activation_statistics import ActivationStatistics
from paddle_alexnet.printable import printable_name
from paddle_alexnet.storage.files import write_whole


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


# MERGED pictures.curves: A training run as a plot.


def plot_runs(runs: Mapping[str, Sequence[Mapping[str, Any]]], path: str | Path) -> None:
    """Draw loss and top-1 over epochs, train dashed and val solid, to a PNG file.

    Args:
        runs: For each name the objects of its metrics.jsonl.
        path: Where to.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (key, label) in zip(
        figure.subplots(1, 2), (("loss", "cross-entropy, nats"), ("top1", "top-1")), strict=True
    ):
        for number, (name, rows) in enumerate(runs.items()):
            epochs = [row["epoch"] for row in rows]
            for part, style in (("train", "--"), ("val", "-")):
                axes.plot(
                    epochs,
                    [row[f"{part}/{key}"] for row in rows],
                    style,
                    color=f"C{number}",
                    marker="." if len(epochs) < 40 else None,
                    label=part if len(runs) == 1 else f"{printable_name(name)} {part}",
                )
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        for text in axes.legend().get_texts():
            text.set_parse_math(False)  # a run may be called $a$
    write_whole(path, lambda beside: figure.savefig(beside, dpi=110, format="png"))


def plot_activations(
    panels: Mapping[str, Mapping[str, Mapping[str, ActivationStatistics]]], path: str | Path
) -> None:
    """Draw the standard deviation between images over the layers to a PNG file, a line per init.

    Args:
        panels: For each title, for each init, what
            :func:`paddle_alexnet.nets.activation_statistics.measure_activations` gives.
        path: The PNG file.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for place, (title, lines) in zip(axes, panels.items(), strict=True):
        for init, layers in lines.items():
            stds = [layer.std_between_images for layer in layers.values()]
            place.plot(list(layers), stds, marker=".", label=init)
        place.set_yscale("log")
        place.set_title(title)
        place.grid(alpha=0.3)
    axes[0].set_ylabel("standard deviation between images")
    axes[-1].legend()
    write_whole(path, lambda beside: figure.savefig(beside, dpi=110, format="png"))

"""Plots as PNG files: timings, training curves, and activation statistics over the layers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from paddle_alexnet.printable import printable_name
from paddle_alexnet.storage.files import write_whole

if TYPE_CHECKING:  # it loads Paddle, which the other plots do not need
    from paddle_alexnet.nets.activation_statistics import ActivationStatistics


def plot_bars(
    rows: Mapping[str, Mapping[str, float]], unit: str, title: str, path: str | Path
) -> None:
    """Plot medians as bars, with quartiles as error bars where there are some.

    Args:
        rows: For each name ``median`` and, where measured, ``low`` and ``high``.
        unit: Unit of the values.
        title: What was measured.
        path: PNG file to write.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(8, 0.9 + 0.45 * len(rows)), layout="constrained")
    axes = figure.subplots()
    medians = [row["median"] for row in rows.values()]
    errors = [
        [max(0.0, row["median"] - row.get("low", row["median"])) for row in rows.values()],
        [max(0.0, row.get("high", row["median"]) - row["median"]) for row in rows.values()],
    ]
    bars = axes.barh(list(rows), medians, xerr=errors, color="C0", ecolor="0.3", capsize=3)
    axes.bar_label(bars, fmt="{:.4g}", padding=4)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(title, fontsize=10)
    _save(figure, path)


def plot_runs(runs: Mapping[str, Sequence[Mapping[str, float]]], path: str | Path) -> None:
    """Plot loss and top-1 over epochs, train dashed and val solid.

    Args:
        runs: For each name the records of its metrics.jsonl.
        path: PNG file to write.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    labels = {"loss": "cross-entropy, nats", "top1": "top-1"}
    for axes, (key, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        for number, (name, rows) in enumerate(runs.items()):
            epochs = [row["epoch"] for row in rows]
            look = {"color": f"C{number}", "marker": "." if len(epochs) < 40 else None}
            for part, style in (("train", "--"), ("val", "-")):
                values = [row[f"{part}/{key}"] for row in rows]
                line = part if len(runs) == 1 else f"{printable_name(name)} {part}"
                axes.plot(epochs, values, style, label=line, **look)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        for text in axes.legend().get_texts():
            text.set_parse_math(False)  # a run may be called $a$
    _save(figure, path)


def plot_activations(
    panels: Mapping[str, Mapping[str, Mapping[str, "ActivationStatistics"]]], path: str | Path
) -> None:
    """Plot the standard deviation between images over the layers, one line per init.

    Args:
        panels: For each title, for each init, the result of
            :func:`paddle_alexnet.nets.activation_statistics.measure_activations`.
        path: PNG file to write.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, lines) in zip(all_axes, panels.items(), strict=True):
        for init, layers in lines.items():
            stds = [layer.std_between_images for layer in layers.values()]
            axes.plot(list(layers), stds, marker=".", label=init)
        axes.set_yscale("log")
        axes.set_title(title)
        axes.grid(alpha=0.3)
    all_axes[0].set_ylabel("standard deviation between images")
    all_axes[-1].legend()
    _save(figure, path)


def _save(figure: Figure, path: str | Path) -> None:
    write_whole(path, lambda part: figure.savefig(part, dpi=110, format="png"))

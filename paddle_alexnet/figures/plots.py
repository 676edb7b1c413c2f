"""Plots: timings, curves, activation statistics, confusion matrices, calibration.

Each function returns a figure; :func:`save` writes it, :func:`pixels` makes it an image.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

from paddle_alexnet.figures.captions import find_chinese_font
from paddle_alexnet.printable import printable_name
from paddle_alexnet.results.classification import Calibration, calibration
from paddle_alexnet.storage.files import write_whole

if TYPE_CHECKING:  # it loads Paddle, which the other plots do not need
    from paddle_alexnet.nets.activation_statistics import ActivationStatistics
    from paddle_alexnet.training.evaluation import Evaluation

DPI = 110


def plot_bars(rows: Mapping[str, Mapping[str, float]], unit: str, title: str) -> Figure:
    """Plot medians as bars, with quartiles as error bars where there are some.

    Args:
        rows: For each name ``median`` and, where measured, ``low`` and ``high``.
        unit: Unit of the values.
        title: What was measured.
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
    return figure


def plot_runs(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Plot loss and top-1 over epochs, train dashed and val solid.

    Args:
        runs: For each name the records of its metrics.jsonl.
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
        axes.legend()
    return _literal(figure)


def plot_activations(
    panels: Mapping[str, Mapping[str, Mapping[str, "ActivationStatistics"]]],
) -> Figure:
    """Plot the standard deviation between images over the layers, one line per init.

    Args:
        panels: For each title, for each init, the result of
            :func:`paddle_alexnet.nets.activation_statistics.measure_activations`.
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
    return figure


def plot_confusion(
    confusion: np.ndarray, classes: Sequence[str], *, normalised: bool = False
) -> Figure:
    """Plot a confusion matrix, a row for each true class, with its numbers.

    Args:
        confusion: Counts [C, C].
        classes: Names, of which the font can show all.
        normalised: Divide every row by its sum: fractions of the true class.
    """
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    side = max(6.0, 0.75 * len(classes) + 2.5)  # inches: at DPI at least 560 pixels
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    for row, column in np.ndindex(*confusion.shape):
        number = f"{shares[row, column]:.2f}" if normalised else f"{confusion[row, column]}"
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, number, ha="center", va="center", color=color, fontsize=13)
    font = {"fontproperties": _font(classes), "fontsize": 13}
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", **font)
    axes.set_yticks(range(len(classes)), classes, **font)
    axes.set_xlabel("predicted", fontsize=13)
    axes.set_ylabel("true", fontsize=13)
    return _literal(figure)


def plot_calibration(measured: Calibration) -> Figure:
    """Plot a reliability diagram: accuracy over the top score, and the images of each bin."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    bins = len(measured.count)
    edges = (np.arange(bins) + 0.5) / bins
    bars = {"width": 0.9 / bins, "edgecolor": "black"}
    upper.bar(edges, np.nan_to_num(measured.accuracy), color="0.6", label="accuracy", **bars)
    upper.plot([0, 1], [0, 1], "--", color="black", label="perfectly calibrated")
    upper.plot(measured.score, measured.accuracy, "k.", label="mean score")
    upper.set_ylabel("accuracy")
    upper.set_title(f"expected calibration error {measured.error:.4f}", fontsize=11)
    upper.legend(loc="upper left")
    lower.bar(edges, measured.count, color="0.6", **bars)
    lower.set_ylabel("images")
    lower.set_xlabel("score of the predicted class")
    lower.set_xlim(0, 1)
    return figure


def plot_evaluation(result: "Evaluation", classes: Sequence[str]) -> dict[str, Figure]:
    """The figures of an evaluation by name: confusion matrices and a reliability diagram."""
    return {
        "confusion": plot_confusion(result.confusion, classes),
        "confusion_fractions": plot_confusion(result.confusion, classes, normalised=True),
        "calibration": plot_calibration(
            calibration(result.labels, result.predicted, result.scores)
        ),
    }


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file.

    Raises:
        RunError: It cannot be written.
    """
    write_whole(path, lambda part: figure.savefig(part, dpi=DPI, format="png"))


def pixels(figure: Figure) -> np.ndarray:
    """A figure as an image, uint8 RGB [H, W, 3]."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _font(texts: Sequence[str]) -> FontProperties | None:
    """A font for texts that are not all ASCII, if there is one."""
    path = None if "".join(texts).isascii() else find_chinese_font()
    return None if path is None else FontProperties(fname=path)


def _literal(figure: Figure) -> Figure:
    """Do not read text between two $ as a formula: a class or a run may be called $a$."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    return figure

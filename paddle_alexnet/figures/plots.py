"""Plots: timings, curves, activation statistics, confusion matrices, calibration.

Each function returns a figure; :func:`save` writes it, :func:`pixels` makes it an image.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from paddle_alexnet.figures.captions import find_chinese_font
from paddle_alexnet.figures.words import ENGLISH, Words
from paddle_alexnet.printable import printable_name
from paddle_alexnet.results.classification import Calibration, calibration
from paddle_alexnet.results.comparison import spread
from paddle_alexnet.results.verdicts import Verdict
from paddle_alexnet.storage.files import write_whole

if TYPE_CHECKING:  # it loads Paddle, which the other plots do not need
    from paddle_alexnet.nets.activation_statistics import ActivationStatistics
    from paddle_alexnet.training.evaluation import Evaluation

DPI = 110
# From dark to light, so that they differ in greyscale too; markers tell more of them apart.
COLORS = ("#0b3c6f", "#c1440e", "#3a923a", "#8a63b5", "#4fa8d8", "#d49a2a")
MARKERS = ("o", "s", "^", "D", "v", "x", "P")
MOST_LABELS = 24  # lines of a legend
MANY_CLASSES = 40  # above, a confusion matrix has no room for names and numbers


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


def plot_runs(
    runs: Mapping[str, Sequence[Mapping[str, float]]],
    words: Words = ENGLISH,
    keys: Sequence[str] = ("loss", "top1"),
) -> Figure:
    """Plot metrics over epochs, train dashed and val solid.

    Runs differ in their marker and grey as well as in colour, so that a print tells them apart.

    Args:
        runs: For each name the records of its metrics.jsonl.
        words: Of the labels.
        keys: One plot each.
    """
    figure = Figure(figsize=(5 * len(keys), 4.4), layout="constrained")
    for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        for number, (name, rows) in enumerate(runs.items()):
            epochs = [row["epoch"] for row in rows]
            for part, style in (("train", "--"), ("val", "-")):
                label = words[part] if len(runs) == 1 else f"{printable_name(name)} {words[part]}"
                axes.plot(
                    *(epochs, [row[f"{part}/{key}"] for row in rows], style),
                    label=label,
                    color=COLORS[number % len(COLORS)],
                    marker=MARKERS[number % len(MARKERS)],
                    markersize=4,
                    markevery=max(1, len(epochs) // 10),
                )
        axes.set_xlabel(words["epoch"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(words[key])
        axes.grid(alpha=0.3)
        if 2 * len(runs) <= MOST_LABELS:
            axes.legend(fontsize=8)
    return _finish(figure)


def plot_claim(
    values: Mapping[str, Mapping[int, float]],
    verdicts: Sequence[Verdict],
    factor: float,
    unit: str,
    not_reached: Mapping[str, Sequence[int]] | None = None,
) -> Figure:
    """Plot the values of each arm with mean and deviation; differences with 95 % intervals.

    Args:
        values: By arm and seed; at least one.
        verdicts: Those without a difference are left out.
        factor: From values to ``unit``.
        unit: Of the axes.
        not_reached: Seeds whose value is only a lower bound, by arm: its mean is a triangle.
    """
    late = not_reached or {}
    shown = {name: [factor * v for v in of.values()] for name, of in values.items() if of}
    rows = {f"{v.better} - {v.than}": v.difference for v in verdicts if v.difference}
    height = 1.6 + 0.4 * max(len(shown), len(rows))
    figure = Figure(figsize=(10, height), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (name, of) in enumerate(shown.items()):
        mean, marker = spread(of), ">" if late.get(name) else "o"
        left.plot(of, [place] * len(of), ".", color="0.6")
        reach = mean.std or None
        left.errorbar(mean.mean, place, xerr=reach, fmt=marker, color=COLORS[0], capsize=3)
    left.set_yticks(range(len(shown)), list(shown))
    bounds = "\ntriangle: at least" if any(map(late.get, shown)) else ""
    left.set_xlabel(f"{unit}: each seed, mean and standard deviation{bounds}")
    for place, gap in enumerate(rows.values()):
        reach = None if gap.low is None else factor * (gap.high - gap.mean)
        right.errorbar(factor * gap.mean, place, xerr=reach, fmt="o", color=COLORS[1], capsize=3)
    right.axvline(0, color="black", linewidth=0.8)
    right.set_yticks(range(len(rows)), list(rows))
    right.set_xlabel(f"{unit}: difference, 95 % interval")
    for axes in (left, right):
        axes.invert_yaxis()
        axes.margins(y=0.1)
        axes.grid(alpha=0.3)
    return _finish(figure)


def plot_training_error(
    curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], target: float
) -> Figure:
    """Plot the error of the training images over epochs, as the paper's Figure 1.

    Args:
        curves: For each name, of each of its runs the records of a metrics.jsonl; at least one.
        target: Error that is marked by a line, in (0, 1).
    """
    figure = Figure(figsize=(6, 4.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, runs) in enumerate(curves.items()):
        for nth, rows in enumerate(runs):
            axes.plot(
                [row["epoch"] for row in rows],
                [1 - row["train/top1"] for row in rows],
                label=name if nth == 0 else None,
                color=COLORS[number % len(COLORS)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
            )
    axes.axhline(target, color="0.5", linestyle="--")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("training error")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return _finish(figure)


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
    confusion: np.ndarray,
    classes: Sequence[str],
    *,
    normalised: bool = False,
    words: Words = ENGLISH,
) -> Figure:
    """Plot a confusion matrix, a row for each true class, with its numbers.

    Above :data:`MANY_CLASSES` classes it has one size, without names and numbers.

    Args:
        confusion: Counts [C, C].
        classes: Names, of which the font can show all.
        normalised: Divide every row by its sum: fractions of the true class.
        words: Of the labels.
    """
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    few = len(classes) <= MANY_CLASSES
    side = max(6.0, 0.75 * len(classes) + 2.5) if few else 12.0  # inches: at least 560 pixels
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    if few:
        for row, column in np.ndindex(*confusion.shape):
            number = f"{shares[row, column]:.2f}" if normalised else f"{confusion[row, column]}"
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, number, ha="center", va="center", color=color, fontsize=13)
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=13)
        axes.set_yticks(range(len(classes)), classes, fontsize=13)
    axes.set_xlabel(words["predicted"], fontsize=13)
    axes.set_ylabel(words["true"], fontsize=13)
    return _finish(figure)


def plot_calibration(measured: Calibration, words: Words = ENGLISH) -> Figure:
    """Plot a reliability diagram: accuracy over the top score, and the images of each bin."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    bins = len(measured.count)
    middles = (np.arange(bins) + 0.5) / bins
    bars = {"width": 0.9 / bins, "edgecolor": "black", "color": "0.6"}
    upper.bar(middles, np.nan_to_num(measured.accuracy), label=words["accuracy"], **bars)
    upper.plot([0, 1], [0, 1], "--", color="black", label=words["calibrated"])
    upper.plot(measured.score, measured.accuracy, "k.", label=words["mean_score"])
    upper.set_ylabel(words["accuracy"])
    upper.set_title(f"{words['calibration_error']} {measured.error:.4f}", fontsize=11)
    upper.legend(loc="upper left")
    lower.bar(middles, measured.count, **bars)
    lower.set_ylabel(words["images"])
    lower.set_xlabel(words["score"])
    lower.set_xlim(0, 1)
    return _finish(figure)


def plot_evaluation(
    result: "Evaluation", classes: Sequence[str], words: Words = ENGLISH
) -> dict[str, Figure]:
    """The figures of an evaluation by name: confusion matrices and a reliability diagram."""
    measured = calibration(result.labels, result.predicted, result.scores)
    matrix = functools.partial(plot_confusion, result.confusion, classes, words=words)
    return {
        "confusion": matrix(),
        "confusion_fractions": matrix(normalised=True),
        "calibration": plot_calibration(measured, words),
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


def _finish(figure: Figure) -> Figure:
    """Show all texts as they are, in a font that has their characters, if there is one."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a class or a run may be called $a$
        path = None if text.get_text().isascii() else find_chinese_font()
        if path is not None:
            size = text.get_fontsize()
            text.set_fontproperties(FontProperties(fname=path, size=size))
    return figure

"""The spread of a net's outputs over its layers as a plot."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from paddle_alexnet.nets.spread import Spread
from paddle_alexnet.storage.writing import write_whole


def plot_spread(panels: Mapping[str, Mapping[str, Mapping[str, Spread]]], path: str | Path) -> None:
    """Draw the spread between pictures over the layers to a PNG file, a line an init.

    Args:
        panels: For each title, for each init, what
            :func:`paddle_alexnet.nets.spread.measure_spread` gives.
        path: Where to.

    Raises:
        RunError: It cannot be written.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for place, (title, lines) in zip(axes, panels.items(), strict=True):
        for init, spread in lines.items():
            differences = [layer.difference for layer in spread.values()]
            place.plot(list(spread), differences, marker=".", label=init)
        place.set_yscale("log")
        place.set_title(title)
        place.grid(alpha=0.3)
    axes[0].set_ylabel("difference between pictures")
    axes[-1].legend()
    write_whole(path, lambda beside: figure.savefig(beside, dpi=110, format="png"))

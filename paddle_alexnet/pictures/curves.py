"""A training run as a plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from paddle_alexnet.printable import printable_name
from paddle_alexnet.storage.writing import write_whole


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

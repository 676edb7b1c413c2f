"""The figures of every epoch as lines of JSON."""

import json
from pathlib import Path
from typing import Any

from paddle_alexnet.errors import RunError
from paddle_alexnet.printable import printable
from paddle_alexnet.storage.files import parse_json, read_text
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer


class MetricsFile(Callback):
    """Appends one object an epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_epoch(self, trainer: Trainer, record: dict[str, float], val: Evaluation) -> None:
        """Append the epoch."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error}") from error


# MERGED run.metrics_reading: Reading the figures of every epoch. Without Paddle, which plots need not wait for.


FIGURES = ("epoch", "train/loss", "train/top1", "val/loss", "val/top1")  # of every epoch
MAX_METRICS = 1 << 28  # bytes; an epoch has some 400


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The objects of a ``metrics.jsonl``; a last line that was cut off is left out.

    Raises:
        RunError: The file cannot be read, or a line is not the figures of an epoch.
    """
    try:
        lines = read_text(path, MAX_METRICS).split("\n")[:-1]
        return [_figures(line, number) for number, line in enumerate(lines, start=1)]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"cannot read {path}: {printable(str(reason), 200)}") from error


def _figures(line: str, number: int) -> dict[str, Any]:
    row = parse_json(line)
    if not isinstance(row, dict) or not all(map(_is_figure, row.values())):
        raise ValueError(f"line {number} is not a list of figures by name")
    missing = [key for key in FIGURES if key not in row]
    if missing:
        raise ValueError(f"line {number} lacks {', '.join(missing)}")
    return row


def _is_figure(value: Any) -> bool:
    # A whole number may be too large for a float; NaN, of a run that diverged, is one.
    return type(value) is float or (type(value) is int and abs(value) < 1 << 63)

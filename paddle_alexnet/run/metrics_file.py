"""The figures of every epoch as lines of JSON."""

import json
from pathlib import Path
from typing import Any

from paddle_alexnet.errors import RunError
from paddle_alexnet.storage.writing import write_text
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer


class MetricsFile(Callback):
    """Appends one object an epoch; a resumed run first drops epochs it is going to repeat."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_start(self, trainer: Trainer) -> None:
        """Keep the epochs that the state knows."""
        if self.path.exists():
            rows = [r for r in read_metrics(self.path) if r["epoch"] <= trainer.progress.epoch]
            write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))

    def on_epoch(self, trainer: Trainer, record: dict[str, float], val: Evaluation) -> None:
        """Append the epoch."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error}") from error


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The objects of a ``metrics.jsonl``; a last line that was cut off is left out.

    Raises:
        RunError: The file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}") from error

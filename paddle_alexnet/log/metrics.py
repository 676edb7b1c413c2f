"""The metrics of every epoch: ``metrics.jsonl``, one JSON object per line.

Nothing here loads Paddle, so that plots start quickly.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from paddle_alexnet.errors import RunError
from paddle_alexnet.storage.files import parse_strict, read_text

REQUIRED = ("epoch", "train/loss", "train/top1", "val/loss", "val/top1")  # in every line
MAX_METRICS = 1 << 28  # bytes; an epoch takes about 400


def append_metrics(path: Path, record: Mapping[str, float]) -> None:
    """Append the metrics of an epoch.

    Raises:
        RunError: The file cannot be written.
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error}") from error


def read_metrics(path: Path) -> list[dict[str, int | float]]:
    """The records of a ``metrics.jsonl``, without a last line that is incomplete.

    Numbers may be NaN or infinite, as in a run that diverged.

    Raises:
        RunError: The file cannot be read, or a line does not hold the metrics of an epoch.
    """
    rows, where = [], str(path)
    try:
        for line in read_text(path, MAX_METRICS).split("\n")[:-1]:
            where = f"line {len(rows) + 1} of {path}"
            row = parse_strict(dict[str, int | float], line, allow_nan=True)
            missing = [key for key in REQUIRED if key not in row]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            rows.append(row)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"cannot read {where}: {reason}") from error
    return rows

"""What a run has logged so far, and going back to what a saved state knows of it.

Logs grow between two saves. A run that was killed goes on from the last save and logs the same
again, so what was logged since is cut off first.
"""

import logging
import os
from pathlib import Path
from typing import Any

from paddle_alexnet.board.cures import LOG_NAME
from paddle_alexnet.errors import RunError
from paddle_alexnet.run.directory import RunDirectory

logger = logging.getLogger(__name__)


def history_sizes(run: RunDirectory) -> dict[str, int]:
    """Bytes of each log, all of them on the disk.

    Raises:
        RunError: A log cannot be brought to the disk.
    """
    sizes = {}
    for path in _logs(run):
        if path.exists():
            try:
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())
                    sizes[path.name] = file.seek(0, os.SEEK_END)
            except OSError as error:
                raise RunError(f"cannot write {path}: {error}") from error
    return sizes


def checked_sizes(sizes: Any) -> dict[str, int]:
    """What :func:`history_sizes` gave, out of a file.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(sizes, dict) or not all(
        type(size) is int and 0 <= size < 1 << 63 for size in sizes.values()
    ):
        raise TypeError("its history is not sizes by name")
    return sizes


def rewind(run: RunDirectory, sizes: dict[str, int]) -> None:
    """Cut each log to its size in ``sizes``; one that is not named there goes.

    A log that has become shorter stays as it is, with a warning.

    Raises:
        RunError: A log cannot be cut.
    """
    for path in _logs(run):
        size = sizes.get(path.name, 0)
        there = path.stat().st_size if path.exists() else 0
        if there < size:
            logger.warning(
                "%s has %d bytes, but had %d when the state was saved: a part of its history is "
                "lost; training is not",
                *(path, there, size),
            )
        try:
            if size == 0:
                path.unlink(missing_ok=True)
            elif there > size:
                os.truncate(path, size)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error}") from error


def _logs(run: RunDirectory) -> tuple[Path, ...]:
    return run.metrics, run.path / LOG_NAME

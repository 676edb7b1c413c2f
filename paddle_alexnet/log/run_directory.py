"""The files of a run."""

import itertools
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from paddle_alexnet.board.visualdl_patches import LOG_NAME
from paddle_alexnet.errors import RunError

CONFIG = "config.yml"
LOCK = ".lock"
# What a run that was killed was writing; see paddle_alexnet.storage.files.write_whole.
LEFT_OVER = re.compile(
    r"\.(config\.yml|(class_index|environment(-\d+)?|nonfinite-\d+)\.json"
    r"|(pixels|best|state)\.safetensors)\.\d+\.part"
)


@dataclass
class RunDirectory:
    """Names within a run's own directory.

    Attributes:
        path: The directory.
        lock: Held by the process that writes there, from :meth:`claim` on; the system gives it back
            when a process dies.
    """

    path: Path

    def __post_init__(self) -> None:
        self.lock = FileLock(self.path / LOCK)
        self._identity: tuple[int, int] | None = None

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / CONFIG

    @property
    def environment(self) -> Path:
        """Versions, commit and machine."""
        return self.path / "environment.json"

    def free_environment(self) -> Path:
        """``environment.json``, or ``environment-2.json`` ... for each time the run went on."""
        return next(path for path in _numbered(self.environment) if not path.exists())

    @property
    def class_index(self) -> Path:
        """``{"0": "daisy", ...}``."""
        return self.path / "class_index.json"

    @property
    def pixels(self) -> Path:
        """Mean picture and colour statistics of the training set, where the run needs them."""
        return self.path / "pixels.safetensors"

    @property
    def metrics(self) -> Path:
        """One JSON object an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def best(self) -> Path:
        """Weights with the best val top-1."""
        return self.path / "best.safetensors"

    @property
    def state(self) -> Path:
        """All that training needs to go on."""
        return self.path / "state.safetensors"

    @property
    def previous_state(self) -> Path:
        """The state that was saved before :attr:`state`."""
        return self.path / "state.previous.safetensors"

    @property
    def damaged_state(self) -> Path:
        """A state that could not be read, kept for whoever wants to look at it."""
        return self.path / "state.damaged.safetensors"

    def has_state(self) -> bool:
        """Whether something was saved to go on from."""
        return self.state.exists() or self.previous_state.exists()

    def nonfinite(self, step: int) -> Path:
        """What is known of update number ``step``, which was not finite."""
        return self.path / f"nonfinite-{step}.json"

    def claim(self) -> None:
        """Keep other processes out, and remove what one that was killed was writing.

        Raises:
            RunError: Another process has it, or nothing can be written there.
        """
        try:
            self.lock.acquire(blocking=False)
            self._identity = _identity(self.path)
            for entry in self.path.iterdir():
                if LEFT_OVER.fullmatch(entry.name):
                    entry.unlink()
        except Timeout:
            raise RunError(
                f"another process trains in {self.path}: wait for its end, or choose another "
                "run.dir"
            ) from None
        except OSError as error:
            raise RunError(f"cannot write to {self.path}: {error}") from error

    def check(self) -> None:
        """See that this is still the directory that was claimed.

        Raises:
            RunError: It was removed, or removed and made anew, perhaps by another run.
        """
        if _identity(self.path) != self._identity:
            raise RunError(f"cannot write {self.path}: it was removed or replaced during the run")

    def release(self) -> None:
        """Let another process have the directory."""
        self.lock.release()

    @classmethod
    def create(cls, path: str | Path | None, name: str) -> "RunDirectory":
        """Make the directory of a new run.

        Args:
            path: Must not exist or be empty; None for ``runs/<name>``, or ``runs/<name>-2`` ...
                where that is taken.
            name: Of the configuration.

        Raises:
            RunError: ``path`` is taken or cannot be made.
        """
        run = cls(_make_free(name) if path is None else _make(Path(path)))
        run._refuse_if_taken()
        run.claim()
        run._refuse_if_taken()  # by one that was quicker
        return run

    def _refuse_if_taken(self) -> None:
        # What a run leaves that was killed before it had a configuration does not count.
        names = [entry.name for entry in self.path.iterdir()]
        if any(name != LOCK and not LEFT_OVER.fullmatch(name) for name in names):
            self.release()
            go_on = f"go on with --resume {self.path}, or " if self.has_state() else ""
            raise RunError(
                f"{self.path} is not empty, and a run is never overwritten: {go_on}choose another "
                "run.dir"
            )

    @staticmethod
    def free(name: str) -> Path:
        """``runs/<name>``, or the first of ``runs/<name>-2`` ... that does not exist."""
        return next(path for path in _numbered(Path("runs") / name) if not path.exists())

    @classmethod
    def existing(cls, path: str | Path) -> "RunDirectory":
        """The directory of a run to resume; not claimed yet.

        Raises:
            RunError: It holds no configuration.
        """
        run = cls(Path(path))
        if not run.config.is_file():
            raise RunError(f"{path} is not the directory of a run: {run.config} is missing")
        return run


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a folder from another of its name; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the run's directory {path}: {error}") from error
    return path


def _make_free(name: str) -> Path:
    """``runs/<name>``, or the first of ``runs/<name>-2`` ... that does not exist."""
    for path in _numbered(_make(Path("runs")) / name):
        try:
            path.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise RunError(f"cannot make the run's directory {path}: {error}") from error
        return path
    raise AssertionError  # numbers do not end


def _numbered(path: Path) -> Iterator[Path]:
    """``path``, then with ``-2``, ``-3`` ... before the suffix."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


# MERGED run.history: What a run has logged so far, and going back to what a saved state knows of it.


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

"""The directory of a run: its files, who may write them, and rewinding its logs."""

import contextlib
import itertools
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import Field

from paddle_alexnet.board.visualdl_patches import LOG_NAME
from paddle_alexnet.errors import RunError

LOCK = ".lock"
# Temporary files of a run that was killed; see paddle_alexnet.storage.files.write_whole.
LEFT_OVER = re.compile(
    r"\.(config\.yml|confusion\.csv|(class_index|environment(-\d+)?|nonfinite-(val-)?\d+)\.json"
    r"|(pixels|best|state)\.safetensors)\.\d+\.part"
    r"|vdlgraph\.\d+\.log"  # VisualDL's name, until the graph is whole
)
# Bytes of each log by file name, for parse_strict.
HistorySizes = dict[str, Annotated[int, Field(ge=0)]]

logger = logging.getLogger(__name__)


class RunDirectory:
    """The files of a run by name.

    Attributes:
        path: The directory.
        config: The resolved configuration.
        environment: Versions, commit and machine; see :meth:`free_environment`.
        class_index: ``{"0": "daisy", ...}``.
        pixels: Mean image and colour statistics of the training set, if the run needs them.
        metrics: One JSON object per epoch.
        best: Weights with the best val top-1.
        state: The checkpoint: all that is needed to resume.
        previous_state: The checkpoint that was saved before ``state``.
        damaged_state: A checkpoint that could not be read, kept for inspection.
        lock: Held by the process that writes here, from :meth:`claim` on; the system releases it
            when a process dies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yml"
        self.environment = path / "environment.json"
        self.class_index = path / "class_index.json"
        self.pixels = path / "pixels.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.best = path / "best.safetensors"
        self.state = path / "state.safetensors"
        self.previous_state = path / "state.previous.safetensors"
        self.damaged_state = path / "state.damaged.safetensors"
        self.lock = FileLock(path / LOCK)
        self._identity: tuple[int, int] | None = None

    @classmethod
    def create(cls, path: str | Path | None, name: str) -> "RunDirectory":
        """Make and claim the directory of a new run.

        Args:
            path: Must not exist or be empty; None for :meth:`free`.
            name: Name of the configuration.

        Raises:
            RunError: ``path`` is taken or cannot be made.
        """
        try:
            run = cls(_make_free(Path("runs") / name) if path is None else Path(path))
            run.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the run's directory: {error}") from error
        run._refuse_if_taken()
        run.claim()
        run._refuse_if_taken()  # by a process that was faster
        return run

    @classmethod
    def existing(cls, path: str | Path) -> "RunDirectory":
        """The directory of a run to resume; not claimed yet.

        Raises:
            RunError: It holds no configuration, or ``path`` is empty.
        """
        if not str(path):
            raise RunError("the directory of the run is '': expected a path, such as runs/alexnet")
        run = cls(Path(path))
        if not run.config.is_file():
            raise RunError(f"{path} is not the directory of a run: {run.config} is missing")
        return run

    @staticmethod
    def free(name: str) -> Path:
        """``runs/<name>``, or the first of ``runs/<name>-2`` ... that does not exist."""
        return next(path for path in _numbered(Path("runs") / name) if not path.exists())

    def free_environment(self) -> Path:
        """``environment.json``, or ``environment-2.json`` ... for each time the run is resumed."""
        return next(path for path in _numbered(self.environment, ".json") if not path.exists())

    def nonfinite(self, step: int) -> Path:
        """The report about a step whose loss or gradient was not finite."""
        return self.path / f"nonfinite-{step}.json"

    def nonfinite_val(self, epoch: int) -> Path:
        """The report about an epoch after which the val loss was not finite."""
        return self.path / f"nonfinite-val-{epoch}.json"

    def diverged(self, *, by_step: bool) -> bool:
        """Whether the run was ended by a val loss that was not finite.

        Args:
            by_step: Or by a step; false for a run that skips such steps.
        """
        names = [path.name for path in self.path.glob("nonfinite-*.json")]
        return any(by_step or name.startswith("nonfinite-val-") for name in names)

    def has_state(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return self.state.exists() or self.previous_state.exists()

    def claim(self) -> None:
        """Lock out other processes, and remove temporary files of one that was killed.

        Raises:
            RunError: Another process holds the directory, or it cannot be written to.
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
        """Check that this is still the directory that was claimed.

        Raises:
            RunError: It was removed, or removed and made again, perhaps by another run.
        """
        if _identity(self.path) != self._identity:
            raise RunError(f"cannot write {self.path}: it was removed or replaced during the run")

    def release(self) -> None:
        """Let another process claim the directory."""
        self.lock.release()

    @classmethod
    def check_free(cls, path: str | Path | None) -> None:
        """Check that :meth:`create` may use ``path``, before anything that takes long.

        Raises:
            RunError: It is not empty, or cannot be read.
        """
        if path is not None:
            cls(Path(path))._refuse_if_taken()

    def _refuse_if_taken(self) -> None:
        # Files of a run that was killed before it had a configuration do not count.
        try:
            names = os.listdir(self.path) if self.path.is_dir() else []
        except OSError as error:
            raise RunError(f"cannot make the run's directory: {error}") from error
        if any(name != LOCK and not LEFT_OVER.fullmatch(name) for name in names):
            self.release()
            resume = f"resume it with --resume {self.path}, or " if self.has_state() else ""
            raise RunError(
                f"{self.path} is not empty, and a run is never overwritten: {resume}choose another "
                "run.dir"
            )


def short_names(folders: Sequence[Path]) -> list[str]:
    """The last parts of paths, as many as make them differ."""
    parts = [folder.parts[len(Path(folder.anchor).parts) :] for folder in folders]
    for count in range(1, max(map(len, parts))):
        names = ["/".join(of[-count:]) for of in parts]
        if len(set(names)) == len(names):
            return names
    names = ["/".join(of) for of in parts]
    drives = [folder.drive.rstrip(":") for folder in folders]
    return names if len({*drives}) == 1 else list(map("/".join, zip(drives, names, strict=True)))


def history_sizes(run: RunDirectory) -> dict[str, int]:
    """Bytes of each log, after syncing it to the disk; saved in each checkpoint.

    Raises:
        RunError: A log cannot be synced.
    """
    sizes = {}
    for path in filter(Path.exists, _logs(run)):
        try:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
                sizes[path.name] = file.seek(0, os.SEEK_END)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error}") from error
    return sizes


def rewind(run: RunDirectory, sizes: dict[str, int]) -> None:
    """Truncate each log to its size in ``sizes``, that of a checkpoint; remove it if not named.

    A log that has become shorter stays as it is, with a warning.

    Raises:
        RunError: A log cannot be truncated.
    """
    for path in _logs(run):
        size = sizes.get(path.name, 0)
        there = path.stat().st_size if path.exists() else 0
        if there < size:
            logger.warning(
                "%s has %d bytes, but had %d when the checkpoint was saved: part of its history is "
                "lost; training is not affected",
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


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode: they differ between two folders of the same name. None if missing."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _make_free(path: Path) -> Path:
    """Make ``path``, or the first numbered one that does not exist, safe against other processes.

    Raises:
        OSError: It cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for candidate in _numbered(path):
        with contextlib.suppress(FileExistsError):
            candidate.mkdir()
            return candidate
    raise AssertionError  # numbers do not end


def _numbered(path: Path, suffix: str = "") -> Iterator[Path]:
    """``path``, then with ``-2``, ``-3`` ... before the suffix; a dot in a name begins none."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.name.removesuffix(suffix)}-{number}{suffix}")

"""The files of a run."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paddle_alexnet.errors import RunError


@dataclass(frozen=True)
class RunDirectory:
    """Names within a run's own directory."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yml"

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
        path = cls.free(name) if path is None else Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            taken = any(path.iterdir())
        except OSError as error:
            raise RunError(f"cannot make the run's directory {path}: {error}") from error
        if taken:
            has_state = cls(path).state.exists()
            go_on = f"go on with --resume {path}, or " if has_state else ""
            raise RunError(
                f"{path} is not empty, and a run is never overwritten: {go_on}choose another "
                "run.dir"
            )
        return cls(path)

    @staticmethod
    def free(name: str) -> Path:
        """``runs/<name>``, or the first of ``runs/<name>-2`` ... that does not exist."""
        return next(path for path in _numbered(Path("runs") / name) if not path.exists())

    @classmethod
    def existing(cls, path: str | Path) -> "RunDirectory":
        """The directory of a run to resume.

        Raises:
            RunError: It holds no configuration, or nothing was saved before it ended.
        """
        run = cls(Path(path))
        if not run.config.is_file():
            raise RunError(f"{path} is not the directory of a run: {run.config} is missing")
        if not run.state.exists():
            raise RunError(
                f"{path} cannot go on: the run ended before its first epoch was saved; start anew "
                "with another run.dir"
            )
        return run


def _numbered(path: Path) -> Iterator[Path]:
    """``path``, then with ``-2``, ``-3`` ... before the suffix."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")

"""The files of a run."""

import itertools
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

    @property
    def class_index(self) -> Path:
        """``{"0": "daisy", ...}``."""
        return self.path / "class_index.json"

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
            raise RunError(
                f"{path} is not empty, and a run is never overwritten: go on with "
                f"--resume {path}, or choose another run.dir"
            )
        return cls(path)

    @staticmethod
    def free(name: str) -> Path:
        """``runs/<name>``, or the first of ``runs/<name>-2`` ... that does not exist."""
        numbered = (f"{name}-{n}" if n > 1 else name for n in itertools.count(1))
        return next(path for path in (Path("runs") / n for n in numbered) if not path.exists())

    @classmethod
    def existing(cls, path: str | Path) -> "RunDirectory":
        """The directory of a run to resume.

        Raises:
            RunError: It holds no configuration.
        """
        run = cls(Path(path))
        if not run.config.is_file():
            raise RunError(f"{path} is not the directory of a run: {run.config} is missing")
        return run

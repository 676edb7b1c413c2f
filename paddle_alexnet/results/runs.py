"""Read finished runs from their directories, and group those that differ in their seed only."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddle_alexnet.config.load import read_config
from paddle_alexnet.config.resume_rules import fixed_values
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import RunError
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.storage.files import parse_strict, read_text

MAX_ENVIRONMENT = 1 << 20  # bytes
SEED = "train.seed"


@dataclass(frozen=True)
class FinishedRun:
    """What a run's directory says of it.

    Attributes:
        name: Its directory, as short as it is unlike the others'.
        directory: Its files.
        config: All keys.
        rows: The metrics of every epoch; at least one.
        environment: Versions, commit and machine; empty where it cannot be read.
    """

    name: str
    directory: RunDirectory
    config: Config
    rows: list[dict[str, int | float]]
    environment: dict[str, Any]

    @property
    def seed(self) -> int:
        """The run's random seed."""
        return self.config.train.seed

    @property
    def best(self) -> dict[str, int | float]:
        """The row with the best val top-1; of equals the first."""
        return max(self.rows, key=lambda row: row["val/top1"])

    @property
    def last(self) -> dict[str, int | float]:
        """The row of the last epoch."""
        return self.rows[-1]

    @property
    def redrawn(self) -> float:
        """Share of the images that the run's seed drew as val; 0 where no seed decides that.

        A ``data.root`` that is split already is not known here: intervals are then too wide.
        """
        keys = self.config.data
        by_seed = keys.split == "random" and keys.split_seed is None and keys.train_list is None
        return keys.val_rate if by_seed else 0.0

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that make results differ, without the seed."""
        values = {**fixed_values(self.config), "train.epochs": self.config.train.epochs}
        return {key: value for key, value in values.items() if key != SEED}


def read_runs(paths: Sequence[str | Path]) -> list[FinishedRun]:
    """Read runs from their directories.

    Raises:
        RunError: One is not the directory of a run, or has no complete epoch.
    """
    folders = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))
    runs = []
    for folder, name in zip(folders, short_names(folders), strict=True):
        directory = RunDirectory.existing(folder)
        rows = read_metrics(directory.metrics) if directory.metrics.exists() else []
        if not rows:
            raise RunError(f"{folder} has no complete epoch yet: nothing to report")
        runs.append(
            FinishedRun(
                name, directory, read_config(directory.config), rows, _environment(directory)
            )
        )
    return runs


def group_by_settings(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Runs that differ in nothing but their seed together, in the order in which they come."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps(run.settings, sort_keys=True), []).append(run)
    return list(groups.values())


def differing_settings(groups: Sequence[Sequence[FinishedRun]]) -> dict[str, list[Any]]:
    """The settings that are not the same in all groups, each with its value in every group."""
    settings = [group[0].settings for group in groups]
    return {
        key: [values[key] for values in settings]
        for key in settings[0]
        if any(values[key] != settings[0][key] for values in settings)
    }


def short_names(folders: Sequence[Path]) -> list[str]:
    """The last parts of paths, as many as make them differ."""
    for count in range(1, max(len(folder.parts) for folder in folders)):
        names = ["/".join(folder.parts[-count:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return list(map(str, folders))


def _environment(directory: RunDirectory) -> dict[str, Any]:
    try:
        text = read_text(directory.environment, MAX_ENVIRONMENT)
        return parse_strict(dict[str, Any], text)
    except (OSError, ValueError):  # not needed for any figure
        return {}

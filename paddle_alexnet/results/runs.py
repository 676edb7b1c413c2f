"""Read finished runs from their directories, and group those that differ in their seed only."""

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paddle_alexnet.config.load import read_config
from paddle_alexnet.config.resume_rules import fixed_values
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.sources import ImageData, data_source, open_data
from paddle_alexnet.errors import DataError, RunError, WeightsError
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.run_directory import RunDirectory, short_names
from paddle_alexnet.storage.files import parse_strict, read_text
from paddle_alexnet.storage.tensors import map_tensors

logger = logging.getLogger(__name__)

MAX_ENVIRONMENT = 1 << 20  # bytes
SEED = "train.seed"


@dataclass(frozen=True)
class Environment:
    """Where a run was made; None where its file does not say so.

    Attributes:
        commit: Of this project.
        processor: Of the machine.
    """

    commit: str | None = None
    processor: str | None = None


@dataclass(frozen=True)
class FinishedRun:
    """What a run's directory says of it.

    Attributes:
        name: Its directory, as short as it is unlike the others'.
        directory: Its files.
        config: All keys.
        rows: The metrics of every epoch; at least one.
        environment: Commit and machine.
    """

    name: str
    directory: RunDirectory
    config: Config
    rows: list[dict[str, int | float]]
    environment: Environment

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
        values = fixed_values(self.config)
        keys = self.config.data
        # Where images are may change when a run is resumed, as they are compared then. Here they
        # are known by the last part of their path, as a data set may lie elsewhere for each seed.
        places = {"root": keys.root, "train_list": keys.train_list, "val_list": keys.val_list}
        values |= {f"data.{key}": path and Path(path).name for key, path in places.items()}
        values["data.source"] = data_source(self.config)
        done, wanted = self.last["epoch"], self.config.train.epochs
        values["train.epochs"] = wanted if done >= wanted else f"stopped after {done} of {wanted}"
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
                *(name, directory, read_config(directory.config), rows),
                read_environment(directory.environment),
            )
        )
    return runs


def group_by_settings(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Runs that differ in nothing but their seed together, in the order in which they come.

    Of a seed only the first run counts, as a copy would make the spread too small; others are
    named.
    """
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        group = groups.setdefault(json.dumps(run.settings, sort_keys=True), [])
        if same := next((other for other in group if other.seed == run.seed), None):
            text = "%s repeats seed %d of %s: means are without it"
            logger.warning(text, run.name, run.seed, same.name)
        else:
            group.append(run)
    for group in groups.values():
        images = {data_fingerprint(run.directory) for run in group if not run.redrawn} - {None}
        if len(images) > 1:
            names = ", ".join(run.name for run in group)
            logger.warning("%s: not all have the same images, and their mean is over both", names)
    return list(groups.values())


def differing_settings(groups: Sequence[Sequence[FinishedRun]]) -> dict[str, list[Any]]:
    """The settings that are not the same in all groups, each with its value in every group."""
    settings = [group[0].settings for group in groups]
    return {
        key: [values[key] for values in settings]
        for key in settings[0]
        if any(values[key] != settings[0][key] for values in settings)
    }


def read_environment(path: Path) -> Environment:
    """What an ``environment.json`` says; no figure depends on it, so nothing is raised."""
    try:
        values = parse_strict(dict[str, Any], read_text(path, MAX_ENVIRONMENT))
    except (OSError, ValueError):
        return Environment()
    machine = values.get("machine")
    processor = machine.get("processor") if isinstance(machine, dict) else None
    commit = values.get("commit")
    return Environment(*(text if isinstance(text, str) else None for text in (commit, processor)))


def images_of(run: FinishedRun, classes: Sequence[str]) -> ImageData:
    """The images of a run, as they were in training.

    Args:
        run: The run.
        classes: Of its weights.

    Raises:
        DataError: They are not there, or others than in training.
        ConfigError: As :func:`paddle_alexnet.data.sources.open_data`.
    """
    keys = replace(run.config.data, prepare="none")  # made anew, they would be others
    data = open_data(replace(run.config, data=keys))
    known = data_fingerprint(run.directory)
    if data.classes != list(classes) or known not in (None, data.fingerprint):
        raise DataError(
            f"{keys.train_list or keys.root}: the images or classes are not those of the run; put "
            "them back, or measure its weights with tools/eval.py"
        )
    return data


def data_fingerprint(directory: RunDirectory) -> str | None:
    """Hash of a run's classes, labels and images; None where it is not known.

    It is in the header of a checkpoint; see :class:`paddle_alexnet.data.sources.ImageData`.
    """
    for path in (directory.state, directory.previous_state):
        with contextlib.suppress(WeightsError, ValueError, OSError):
            return map_tensors(path)[1].get("data")
    return None

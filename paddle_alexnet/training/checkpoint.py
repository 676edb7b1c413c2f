"""What a run saves: a checkpoint to continue from, and the best weights."""

import contextlib
import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from paddle import nn
from paddle.optimizer import Optimizer

from paddle_alexnet.config.resume_rules import describe_changes, fixed_values
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.pixel_statistics import PixelStatistics
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.errors import ConfigError, DataError, RunError, WeightsError
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.run_directory import HistorySizes, RunDirectory, history_sizes
from paddle_alexnet.nets.towers import Tower, own_arrays, whole_arrays
from paddle_alexnet.nets.weights import (
    MAX_MARKS,
    MEAN_IMAGE,
    Description,
    load_arrays,
    net_arrays,
    write_weights,
)
from paddle_alexnet.storage.files import parse_json, parse_strict
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.training.initial_weights import Start
from paddle_alexnet.training.optimizer import (
    ExponentialMovingAverage,
    optimizer_arrays,
    restore_optimizer,
)
from paddle_alexnet.training.schedule import Schedule
from paddle_alexnet.training.state import TrainState

logger = logging.getLogger(__name__)

FORMAT = "paddle-alexnet-state"
VERSION = "2"  # 1: before the fields of the state had their present names


class Resumable(Protocol):
    """What of a run is in its checkpoint."""

    config: Config
    net: nn.Layer
    optimizer: Optimizer
    average: ExponentialMovingAverage | None
    schedule: Schedule
    state: TrainState
    fingerprint: str
    description: Description | None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read but not validated yet.

    Attributes:
        run: The directory it belongs to.
        path: The file.
        arrays: Weights, accumulators of the optimizer, moving average.
        metadata: All else, as JSON.
    """

    run: RunDirectory
    path: Path
    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]

    def check_config(self, config: Config) -> None:
        """Check that the run would continue as it began.

        Raises:
            ConfigError: A key that must not change has another value; see
                :mod:`paddle_alexnet.config.resume_rules`.
            WeightsError: The checkpoint does not hold values.
        """
        try:
            then = parse_json(self.metadata["config"])
            if not isinstance(then, dict):
                raise TypeError("its configuration is not values by key")
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"{self.path} is not a checkpoint: {str(error)[:200]!r}") from error
        changes = describe_changes(then, config)
        if changes:
            raise ConfigError(
                f"{self.run.config} is not as it was when the run started: {', '.join(changes)}; "
                f"put it back, or start a new run{self._keeping_weights()}"
            )

    def restore(self, run: Resumable) -> None:
        """Restore a run that was built from the same configuration.

        Raises:
            WeightsError: It is the checkpoint of another net, optimizer or schedule.
            DataError: Images or classes are not those that the run started with.
        """
        if self.metadata.get("data") != run.fingerprint:
            raise DataError(
                f"{self.run.path} cannot continue: images or classes were added, removed, renamed "
                "or changed since it started; put them back, or start a new run"
                + self._keeping_weights()
            )
        try:
            net, optimizer, average = (
                own_arrays(run.net, self._part(part)) for part in ("net", "optimizer", "average")
            )
            load_arrays(run.net, net, self.path)
            restore_optimizer(run.optimizer, run.net, optimizer)
            if run.average is not None:
                run.average.restore(average)
            run.schedule.restore(parse_json(self.metadata["schedule"]))
            run.state = parse_strict(TrainState, self.metadata["progress"])
            self.log_sizes()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"{self.path} is not a checkpoint of this configuration: {str(error)[:200]!r}"
            ) from error

    def inherited(self) -> tuple[Preprocessing | None, np.ndarray | None]:
        """Preprocessing and mean image that the run has from ``model.pretrained``.

        Raises:
            WeightsError: They are damaged.
        """
        try:
            text = self.metadata.get("preprocessing")
            known = None if text is None else Preprocessing.from_json(parse_json(text))
        except (TypeError, ValueError) as error:
            raise WeightsError(f"{self.path} is not a checkpoint: {str(error)[:200]!r}") from error
        return known, self.arrays.get(MEAN_IMAGE)

    def log_sizes(self) -> dict[str, int]:
        """Bytes of each log when it was written; see :func:`...log.run_directory.rewind`."""
        return parse_strict(HistorySizes, self.metadata["history"])

    def weights(self) -> dict[str, np.ndarray]:
        """What an evaluation sees, by the net's names: the moving average, if there is one."""
        return self._part("average") or self._part("net")

    def epochs(self) -> int:
        """How many epochs were complete.

        Raises:
            WeightsError: It is not said.
        """
        try:
            return parse_strict(TrainState, self.metadata["progress"]).epoch
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{self.path} is not a checkpoint: {str(error)[:200]!r}") from error

    def _part(self, prefix: str) -> dict[str, np.ndarray]:
        start = f"{prefix}/"
        return {n.removeprefix(start): a for n, a in self.arrays.items() if n.startswith(start)}

    def _keeping_weights(self) -> str:
        best = self.run.best
        return f" (model.pretrained={best} keeps the weights)" if best.exists() else ""


def open_checkpoint(run: RunDirectory | None, config: Config) -> Checkpoint | None:
    """The checkpoint that a run continues from.

    Args:
        run: Directory to resume; None for a new run.
        config: The run would continue with it.

    Returns:
        None for a new run, and for one that was killed before its first save: it starts again.

    Raises:
        WeightsError: There is a checkpoint but none that is whole.
        ConfigError: A key that must not change has another value.
        RunError: There are results but no checkpoint: starting again would remove them.
    """
    if run is None:
        return None
    if run.has_state():
        checkpoint = read_checkpoint(run)
        checkpoint.check_config(config)
        return checkpoint
    if run.metrics.exists() and len(read_metrics(run.metrics)) > 1:
        raise RunError(
            f"{run.path} has results, but its checkpoint is missing: start a new run with "
            f"model.pretrained={run.best}"
        )
    logger.info("%s was not saved yet: it starts again", run.path)
    return None


def read_checkpoint(run: RunDirectory) -> Checkpoint:
    """Read what :func:`write_checkpoint` wrote; where it is damaged, the one before it.

    Raises:
        WeightsError: None is whole, or it is of an earlier version.
    """
    path, arrays, metadata = _last_whole(run)
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is not the checkpoint of a run")
    if metadata.get("version") != VERSION:
        raise WeightsError(
            f"{path} was saved by another version of this program, which must continue it; or "
            f"start a new run with model.pretrained={run.best}"
        )
    return Checkpoint(run, path, arrays, metadata)


def _last_whole(run: RunDirectory) -> tuple[Path, dict[str, np.ndarray], dict[str, str]]:
    if not run.state.exists():  # killed between two renames
        return run.previous_state, *read_tensors(run.previous_state)
    try:
        return run.state, *read_tensors(run.state)
    except WeightsError as error:
        if not run.previous_state.exists():
            raise
        content = read_tensors(run.previous_state)
        logger.warning("%s; continuing from %s, the one before it", error, run.previous_state)
        # Out of the way, so that the next save does not put it in the place of the whole one.
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            run.state.replace(run.damaged_state)
        return run.previous_state, *content


def write_checkpoint(directory: RunDirectory | None, run: Resumable) -> None:
    """Write all that training needs to continue to the bit, as a single process would.

    Every process calls it: those that hold a tower give their halves. Without a ``directory``
    nothing is written.

    No generator's state is among it: random numbers depend only on (seed, step, rank) and (seed,
    epoch, index), see :mod:`paddle_alexnet.randomness`. The checkpoint before stays as
    ``directory.previous_state``.

    Raises:
        RunError: The file cannot be written, or the directory is no longer the run's own.
    """
    if directory is None and not isinstance(run.net, Tower):
        return
    parts = {
        "net": net_arrays(run.net),
        "optimizer": optimizer_arrays(run.optimizer, run.net),
        "average": {} if run.average is None else run.average.arrays(),
    }
    parts = {part: whole_arrays(run.net, arrays) for part, arrays in parts.items()}
    if directory is None:
        return
    directory.check()
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "progress": json.dumps(dataclasses.asdict(run.state)),
        "schedule": json.dumps(run.schedule.state()),
        "history": json.dumps(history_sizes(directory)),
        "config": json.dumps(fixed_values(run.config)),
        "data": run.fingerprint,
    }
    arrays = {f"{part}/{name}": a for part, named in parts.items() for name, a in named.items()}
    if run.description is not None and run.config.model.pretrained:
        metadata["preprocessing"] = json.dumps(run.description.preprocessing.to_json())
        if run.description.mean_image is not None:
            arrays[MEAN_IMAGE] = run.description.mean_image
    write_tensors(directory.state, arrays, metadata, keep=directory.previous_state)


def describe_weights(
    config: Config, data: ImageData, start: Start, statistics: PixelStatistics | None
) -> Description:
    """What a weights file of a run says beside the weights, so that it can be used alone."""
    mean_image, preprocessing = start.mean_image, start.preprocessing
    if config.data.mean == "image":
        mean_image = statistics.mean_crop(preprocessing.input_size).astype(np.float32)
    return Description(
        config.model.name,
        tuple(data.classes),
        preprocessing,
        data.split_rule,
        width=config.model.width,
        changes=config.model.changes,
        mean_image=mean_image,
        sample_bits=config.data.sample_bits,
        val_marks=tuple(np.sort(data.marks.get("val", []))[:MAX_MARKS].tolist()),
    )


def save_best(
    run: RunDirectory,
    net: nn.Layer,
    description: Description,
    record: Mapping[str, Any],
    config: Config,
) -> None:
    """Write the weights that ``net`` holds, with the figures of their epoch.

    Raises:
        RunError: The file cannot be written, or the directory is no longer the run's own.
    """
    run.check()
    figures = {key: record[key] for key in ("epoch", "step", "val/top1", "val/loss")}
    training = {**figures, "seed": config.train.seed}
    described = dataclasses.replace(description, training=training)
    write_weights(run.best, net_arrays(net), described)

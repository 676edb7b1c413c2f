"""Saving a run's weights and state, and going on from them."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from paddle_alexnet.errors import DataError, WeightsError
from paddle_alexnet.nets.weights import (
    Description,
    load_arrays,
    net_arrays,
    write_weights,
)
from paddle_alexnet.run.directory import RunDirectory
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.training.callbacks import Callback, Progress
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer
from paddle_alexnet.training.optimizer import optimizer_arrays, restore_optimizer

STATE_FORMAT = "paddle-alexnet-state"


class Checkpoints(Callback):
    """Best weights by val top-1, and the last state after every epoch and on interruption.

    Args:
        run: Where to.
        describe: Makes the metadata of the weights from the epoch's figures.
        data_digest: Tells the pictures that the run learns from; see :class:`Listing`.
    """

    def __init__(
        self,
        run: RunDirectory,
        describe: Callable[[dict[str, float]], Description],
        data_digest: str,
    ) -> None:
        self.run = run
        self.describe = describe
        self.data_digest = data_digest

    def on_epoch(self, trainer: Trainer, record: dict[str, float], val: Evaluation) -> None:
        """Keep the weights where they are better than all before; of equals the first."""
        if val.top1 > trainer.progress.best_top1:
            trainer.progress.best_top1 = val.top1
            trainer.progress.best_epoch = trainer.progress.epoch
            write_weights(self.run.best, net_arrays(trainer.net), self.describe(record))

    def on_epoch_saved(self, trainer: Trainer) -> None:
        """Save the state."""
        write_state(self.run.state, trainer, self.data_digest)

    def on_interrupt(self, trainer: Trainer) -> None:
        """Save the state, in the middle of an epoch too."""
        write_state(self.run.state, trainer, self.data_digest)


def write_state(path: Path, trainer: Trainer, data_digest: str) -> None:
    """Write all that training needs to go on: weights, velocity, average, schedule, progress.

    Random numbers are told by (seed, step) and (seed, epoch, index), so none need saving.

    Raises:
        RunError: The file cannot be written.
    """
    arrays = _prefixed("net", net_arrays(trainer.net))
    arrays |= _prefixed("optimizer", optimizer_arrays(trainer.optimizer, trainer.net))
    if trainer.average is not None:
        arrays |= _prefixed("average", trainer.average.arrays())
    metadata = {
        "format": STATE_FORMAT,
        "progress": json.dumps(asdict(trainer.progress)),
        "schedule": json.dumps(trainer.schedule.state()),
        "data": data_digest,
    }
    write_tensors(path, arrays, metadata)


def read_state(path: Path, trainer: Trainer, data_digest: str) -> None:
    """Put what :func:`write_state` wrote into a trainer made from the same configuration.

    Raises:
        WeightsError: The file is missing, damaged or of another net.
        DataError: The pictures or their classes are not those that the run started with.
    """
    arrays, metadata = read_tensors(path)
    if metadata.get("format") != STATE_FORMAT:
        raise WeightsError(f"{path} is not the state of a run")
    if metadata.get("data") != data_digest:
        raise DataError(
            f"{path.parent} cannot go on: pictures or classes were added, removed or renamed since "
            "it started; put them back, or start a new run (with model.pretrained to keep the "
            "weights)"
        )
    try:
        load_arrays(trainer.net, _unprefixed("net", arrays), path)
        restore_optimizer(trainer.optimizer, trainer.net, _unprefixed("optimizer", arrays))
        if trainer.average is not None:
            trainer.average.restore(_unprefixed("average", arrays))
        trainer.schedule.restore(json.loads(metadata["schedule"]))
        trainer.progress = Progress(**json.loads(metadata["progress"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is not a state of this configuration: {error}") from error


def _prefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _unprefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        n.removeprefix(f"{prefix}/"): a for n, a in arrays.items() if n.startswith(f"{prefix}/")
    }

"""Saving a run's weights and state, and going on from them."""

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_alexnet.errors import DataError, WeightsError
from paddle_alexnet.nets.weights import (
    Description,
    load_arrays,
    net_arrays,
    write_weights,
)
from paddle_alexnet.printable import printable
from paddle_alexnet.run.directory import RunDirectory
from paddle_alexnet.run.history import checked_sizes, history_sizes
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.storage.texts import parse_json
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer
from paddle_alexnet.training.optimizer import optimizer_arrays, restore_optimizer
from paddle_alexnet.training.progress import Progress

logger = logging.getLogger(__name__)

STATE_FORMAT = "paddle-alexnet-state"


class Checkpoints(Callback):
    """Best weights by val top-1, and the state to go on from; after the logs in the callbacks.

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
        self.run.check()
        if val.top1 > trainer.progress.best_top1:
            trainer.progress.best_top1 = val.top1
            trainer.progress.best_epoch = trainer.progress.epoch
            write_weights(self.run.best, net_arrays(trainer.net), self.describe(record))

    def on_save(self, trainer: Trainer) -> None:
        """Save the state."""
        self.run.check()
        write_state(self.run, trainer, self.data_digest)

    def close(self) -> None:
        """Let another process have the directory."""
        self.run.release()


def write_state(run: RunDirectory, trainer: Trainer, data_digest: str) -> None:
    """Write all that training needs to go on: weights, velocity, average, schedule, progress.

    Random numbers are told by (seed, step) and (seed, epoch, index), so no generator's state needs
    saving. The state before this one stays as ``run.previous_state``.

    Raises:
        RunError: The file cannot be written.
    """
    arrays = _prefixed("net", net_arrays(trainer.net))
    arrays |= _prefixed("optimizer", optimizer_arrays(trainer.optimizer, trainer.net))
    if trainer.average is not None:
        arrays |= _prefixed("average", trainer.average.arrays())
    metadata = {
        "format": STATE_FORMAT,
        "progress": json.dumps(trainer.progress.plain()),
        "schedule": json.dumps(trainer.schedule.state()),
        "history": json.dumps(history_sizes(run)),
        "data": data_digest,
    }
    write_tensors(run.state, arrays, metadata, keep=run.previous_state)


def read_state(run: RunDirectory, trainer: Trainer, data_digest: str) -> dict[str, int]:
    """Put what :func:`write_state` wrote into a trainer made from the same configuration.

    Where the last state is missing or damaged, the one before is taken.

    Returns:
        The sizes of the logs at the time; see :mod:`paddle_alexnet.run.history`.

    Raises:
        WeightsError: There is no state that is whole, or it is of another net.
        DataError: The pictures or their classes are not those that the run started with.
    """
    path, arrays, metadata = _last_whole(run)
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
        trainer.schedule.restore(parse_json(metadata["schedule"]))
        trainer.progress = Progress.from_plain(parse_json(metadata["progress"]))
        return checked_sizes(parse_json(metadata["history"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a state of this configuration: {printable(str(error), 200)}"
        ) from error


def _last_whole(run: RunDirectory) -> tuple[Path, dict[str, np.ndarray], dict[str, str]]:
    if not run.state.exists():  # killed between two renames
        return run.previous_state, *read_tensors(run.previous_state)
    try:
        return run.state, *read_tensors(run.state)
    except WeightsError as error:
        if not run.previous_state.exists():
            raise
        content = read_tensors(run.previous_state)
        logger.warning("%s; going on from %s, the state before it", error, run.previous_state)
        # Out of the way, so that the next save does not put it in the place of the whole one.
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            run.state.replace(run.damaged_state)
        return run.previous_state, *content


def _prefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _unprefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        n.removeprefix(f"{prefix}/"): a for n, a in arrays.items() if n.startswith(f"{prefix}/")
    }

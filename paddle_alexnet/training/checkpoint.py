"""The state of a run: writing it, and going on from it."""

import contextlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddle_alexnet.config.resume_rules import describe_changes, fixed_values
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.log.run_directory import HistorySizes, RunDirectory, history_sizes
from paddle_alexnet.nets.weights import load_arrays, net_arrays
from paddle_alexnet.printable import printable
from paddle_alexnet.storage.files import parse_json, parse_strict
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.training.loop import Trainer
from paddle_alexnet.training.optimizer import optimizer_arrays, restore_optimizer
from paddle_alexnet.training.state import TrainState

logger = logging.getLogger(__name__)

STATE_FORMAT = "paddle-alexnet-state"


@dataclass(frozen=True)
class State:
    """A state as it was read, not yet believed.

    Attributes:
        run: Whose it is.
        path: The file.
        arrays: Weights, velocity and average.
        metadata: All else, as JSON.
    """

    run: RunDirectory
    path: Path
    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]

    def check_config(self, config: Config) -> None:
        """See that the run would go on as it began.

        A state of an earlier version does not tell how it began: a warning says so.

        Raises:
            ConfigError: A key that must not change has another value; see
                :mod:`paddle_alexnet.config.resume_rules`.
            WeightsError: The state does not hold values.
        """
        if "config" not in self.metadata:
            logger.warning(
                "%s is of an earlier version: whether %s and the pictures are those that the run "
                "started with is not known, and not asked",
                *(self.path, self.run.config),
            )
            return
        try:
            then = parse_json(self.metadata["config"])
            if not isinstance(then, dict):
                raise TypeError("its configuration is not values by key")
        except (TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.path} is not a state: {printable(str(error), 200)}"
            ) from error
        changes = describe_changes(then, config)
        if changes:
            raise ConfigError(
                f"{self.run.config} is not as it was when the run started: {', '.join(changes)}; "
                f"put it back, or start a new run{self._keeping_weights()}"
            )

    def restore(self, trainer: Trainer, data_digest: str) -> dict[str, int]:
        """Put all into a trainer made from the same configuration.

        Args:
            trainer: New.
            data_digest: Tells the pictures; see :func:`paddle_alexnet.data.dataset.digest`.

        Returns:
            The sizes of the logs at the time; see :mod:`paddle_alexnet.log.run_directory`.

        Raises:
            WeightsError: It is the state of another net, update or schedule.
            DataError: The pictures or their classes are not those that the run started with.
        """
        if "config" in self.metadata and self.metadata.get("data") != data_digest:
            raise DataError(
                f"{self.run.path} cannot go on: pictures or classes were added, removed, renamed "
                "or changed since it started; put them back, or start a new run"
                + self._keeping_weights()
            )
        try:
            load_arrays(trainer.net, self._part("net"), self.path)
            restore_optimizer(trainer.optimizer, trainer.net, self._part("optimizer"))
            if trainer.average is not None:
                trainer.average.restore(self._part("average"))
            trainer.schedule.restore(parse_json(self.metadata["schedule"]))
            trainer.progress = TrainState.from_plain(parse_json(self.metadata["progress"]))
            return parse_strict(HistorySizes, self.metadata["history"])
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.path} is not a state of this configuration: {printable(str(error), 200)}"
            ) from error

    def _part(self, prefix: str) -> dict[str, np.ndarray]:
        start = f"{prefix}/"
        return {n.removeprefix(start): a for n, a in self.arrays.items() if n.startswith(start)}

    def _keeping_weights(self) -> str:
        best = self.run.best
        return f" (model.pretrained={best} keeps the weights)" if best.exists() else ""


def write_state(run: RunDirectory, trainer: Trainer, config: Config, data_digest: str) -> None:
    """Write all that training needs to go on: weights, velocity, average, schedule, progress.

    Random numbers are told by (seed, step) and (seed, epoch, index), so no generator's state needs
    saving. The state before this one stays as ``run.previous_state``.

    Args:
        run: Where to.
        trainer: Whose state.
        config: Its configuration; what must not change of it is for :meth:`State.check_config`.
        data_digest: Tells the pictures, for :meth:`State.restore`.

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
        "config": json.dumps(fixed_values(config)),
        "data": data_digest,
    }
    write_tensors(run.state, arrays, metadata, keep=run.previous_state)


def read_state(run: RunDirectory) -> State:
    """Read what :func:`write_state` wrote; where it is missing or damaged, the state before it.

    Raises:
        WeightsError: There is no state that is whole.
    """
    path, arrays, metadata = _last_whole(run)
    if metadata.get("format") != STATE_FORMAT:
        raise WeightsError(f"{path} is not the state of a run")
    return State(run, path, arrays, metadata)


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

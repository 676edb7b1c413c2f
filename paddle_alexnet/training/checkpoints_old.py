"""Saving a run's best weights and its state while it trains."""

from collections.abc import Callable

from paddle_alexnet.config.schema import Config
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.nets.weights import Description, net_arrays, write_weights
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.checkpoint import write_state
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer


class Checkpoints(Callback):
    """Best weights by val top-1, and the state to go on from; after the logs in the callbacks.

    Args:
        run: Where to.
        describe: Makes the metadata of the weights from the epoch's figures.
        config: Of the run.
        data_digest: Tells the pictures that the run learns from; see
            :func:`paddle_alexnet.data.dataset.digest`.
    """

    def __init__(
        self,
        run: RunDirectory,
        describe: Callable[[dict[str, float]], Description],
        config: Config,
        data_digest: str,
    ) -> None:
        self.run = run
        self.describe = describe
        self.config = config
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
        write_state(self.run, trainer, self.config, self.data_digest)

    def close(self) -> None:
        """Let another process have the directory."""
        self.run.release()

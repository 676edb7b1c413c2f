"""Telling a user that training goes wrong, while there is time to do something about it."""

import dataclasses
import json
import logging
import math
from collections.abc import Sequence

import numpy as np

from paddle_alexnet.run.directory import RunDirectory
from paddle_alexnet.storage.writing import write_text
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer
from paddle_alexnet.training.nonfinite import NonfiniteUpdate

logger = logging.getLogger(__name__)

# A net that learns is below by then (docs/results.md: 1.41 of 1.60 after 138 updates); one that
# stalls stays within a hundredth of the loss of knowing nothing, or is above.
STALL_UPDATES = 100
STALL_SHARE = 0.98


class Warnings(Callback):
    """Warns of a stall, once, and writes down updates that are not finite.

    Args:
        run: Where to.
        labels: Of the training pictures.
        label_smoothing: Of the loss.
        patience: Updates after which a stall is one.
    """

    def __init__(
        self,
        run: RunDirectory,
        labels: Sequence[int],
        label_smoothing: float = 0.0,
        patience: int = STALL_UPDATES,
    ) -> None:
        self.run = run
        self.ignorant_loss = ignorant_loss(labels, label_smoothing)
        self.patience = patience
        self.warned = False

    def on_nonfinite(self, trainer: Trainer, update: NonfiniteUpdate) -> None:
        """Write ``nonfinite-<step>.json``, with all files."""
        write_text(
            self.run.nonfinite(update.step), json.dumps(dataclasses.asdict(update), indent=2)
        )
        if trainer.skip_nonfinite:
            logger.warning("left out: %s", update.describe())

    def on_epoch(self, trainer: Trainer, record: dict[str, float], val: Evaluation) -> None:
        """Compare the epoch's training loss with that of a net that knows nothing."""
        stalls = record["train/loss"] >= STALL_SHARE * self.ignorant_loss
        if stalls and record["step"] >= self.patience and not self.warned:
            self.warned = True
            logger.warning(
                "training stalls: after %d updates the training loss is %.3f, and a net that only "
                "knows how frequent the classes are has %.3f. docs/init.md says why; model.init=he "
                "is the usual cure, then another optimizer.lr",
                *(int(record["step"]), record["train/loss"], self.ignorant_loss),
            )


def ignorant_loss(labels: Sequence[int], label_smoothing: float = 0.0) -> float:
    """Cross-entropy of the best answer that is the same for every picture, in nats.

    It is the entropy of the frequencies of the classes, smoothed as the targets are.
    """
    frequencies = np.unique(np.asarray(labels), return_counts=True)[1] / len(labels)
    smooth = (1 - label_smoothing) * frequencies + label_smoothing / len(frequencies)
    return -math.fsum(smooth * np.log(smooth))

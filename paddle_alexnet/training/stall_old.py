"""Telling a user that training goes wrong, while there is time to do something about it."""

import dataclasses
import json
import logging
import math
from collections.abc import Sequence

import numpy as np

from paddle_alexnet.errors import RunError
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.storage.files import write_text
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.diagnostics import NonfiniteStep
from paddle_alexnet.training.loop import Trainer

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
        patience: Updates over which a stall is seen, after as many that are not looked at.
    """

    def __init__(
        self,
        run: RunDirectory,
        labels: Sequence[int],
        label_smoothing: float = 0.0,
        patience: int = STALL_UPDATES,
    ) -> None:
        self.run = run
        self.class_prior_entropy = class_prior_entropy(labels, label_smoothing)
        self.patience = patience
        self.warned = False
        self.losses: list[tuple[int, float]] = []  # after which update, and the mean before it

    def on_nonfinite(self, trainer: Trainer, update: NonfiniteStep) -> None:
        """Write ``nonfinite-<step>.json``, with all files."""
        text = json.dumps(dataclasses.asdict(update), indent=2)
        try:
            write_text(self.run.nonfinite(update.step), text)
        except RunError as error:
            logger.warning("%s", error)  # what follows says more
        if trainer.skip_nonfinite:
            logger.warning("left out: %s", update.describe())

    def on_log(self, trainer: Trainer, record: dict[str, float]) -> None:
        """Compare the training loss with that of a net that knows nothing.

        The mean over the last ``patience`` updates, as single batches differ by chance; not over
        the first ones, where the loss may be far above that.
        """
        step, loss = int(record["step"]), record["loss"]
        self.losses = [(n, value) for n, value in self.losses if n > step - self.patience]
        self.losses.append((step, loss))
        mean = math.fsum(value for _, value in self.losses) / len(self.losses)
        stalls = mean >= STALL_SHARE * self.class_prior_entropy
        if stalls and step >= 2 * self.patience and not self.warned:
            self.warned = True
            logger.warning(
                "training stalls: after %d updates the training loss is %.3f, and a net that only "
                "knows how frequent the classes are has %.3f. docs/init.md says why; "
                "model.init=he_small_head is the usual cure, then another optimizer.lr",
                *(step, mean, self.class_prior_entropy),
            )


def class_prior_entropy(labels: Sequence[int], label_smoothing: float = 0.0) -> float:
    """Cross-entropy of the best answer that is the same for every picture, in nats.

    It is the entropy of the frequencies of the classes, smoothed as the targets are.
    """
    frequencies = np.unique(np.asarray(labels), return_counts=True)[1] / len(labels)
    smooth = (1 - label_smoothing) * frequencies + label_smoothing / len(frequencies)
    return -math.fsum(smooth * np.log(smooth))

"""Where a run stands: counters, running means, loss scale. All of it is in the checkpoint."""

import logging
import math
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, Any

import paddle
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from paddle_alexnet.training.evaluation import Evaluation

logger = logging.getLogger(__name__)

# Checked where they are read from a file. No sum over an epoch comes near the bounds.
_stored = dataclass(config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Number = Annotated[float, Field(gt=-1e300, lt=1e300)]

LOSS_SCALE_START = 2.0**15
# NVIDIA Apex's max_loss_scale; gradients that are all 0 would raise it for ever.
LOSS_SCALE_MAX = 2.0**24
LOSS_SCALE_RAISE_AFTER = 2000  # steps


@_stored
class LossScale:
    """Factor of the loss that keeps small gradients from becoming 0 in float16.

    The rule and its numbers (start 2**15, factor 2, 2000 steps) are TensorFlow's
    ``DynamicLossScale``: as high as the gradients allow, found by trying (Micikevicius et al.,
    "Mixed Precision Training", 2018, section 3.2). ``paddle.amp.GradScaler`` does the same, but is
    idle on a CPU, where none of it could be tested, and makes the optimizer's step itself. Powers
    of two change no digit, neither when scaling nor when undoing it.

    Attributes:
        value: Power of two in [1, 2**24].
        good_steps: Steps in a row with finite gradients since it changed, < 2000.

    Raises:
        ValueError: One is out of its range.
    """

    value: Number = LOSS_SCALE_START
    good_steps: Count = 0

    def __post_init__(self) -> None:
        in_range = 1 <= self.value <= LOSS_SCALE_MAX and self.good_steps < LOSS_SCALE_RAISE_AFTER
        if not in_range or math.frexp(self.value)[0] != 0.5:
            raise ValueError(
                f"invalid loss scale: value {self.value}, good steps {self.good_steps}"
            )

    @paddle.no_grad()
    def undo(self, parameters: Iterable[paddle.Tensor]) -> None:
        """Divide the gradients of ``parameters`` (float32) by the scale, in place."""
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.scale_(1 / self.value)

    def passed(self) -> None:
        """Count a step with finite gradients; after enough of them the scale doubles."""
        self.good_steps += 1
        if self.good_steps == LOSS_SCALE_RAISE_AFTER:
            self.value, self.good_steps = min(2 * self.value, LOSS_SCALE_MAX), 0

    def lower(self) -> bool:
        """Halve the scale after gradients that are not finite.

        Returns:
            Whether that may help. At 1 the scale is not the cause, and it stays.
        """
        self.good_steps = 0
        if self.value == 1:
            return False
        self.value /= 2
        logger.info("gradients exceed float16's range: the loss scale is %g now", self.value)
        return True


@_stored
class RunningMean:
    """Sums over some steps, from which the means of a log record are taken.

    Attributes:
        steps: Number of steps.
        images: Images in them.
        loss: Sum of the losses of the images, nats.
        correct: Images whose label has the largest logit.
        reader_seconds: Seconds spent waiting for batches.
        seconds: All seconds.
    """

    steps: Count = 0
    images: Count = 0
    loss: Number = 0.0
    correct: Number = 0.0
    reader_seconds: Number = 0.0
    seconds: Number = 0.0

    def add(self, images: int, loss: float, correct: float) -> None:
        """Add one step. Steps are added one by one, so that saving changes no digit of a sum."""
        self.steps += 1
        self.images += images
        self.loss += loss
        self.correct += correct

    def means(self) -> dict[str, float]:
        """Mean loss, top-1 accuracy and speed; at least one step."""
        return {
            "loss": self.loss / self.images,
            "top1": self.correct / self.images,
            "img_per_second": self.images / self.seconds,
            "reader_cost": self.reader_seconds / self.steps,
            "batch_cost": self.seconds / self.steps,
        }


@_stored
class TrainState:
    """Where a run stands.

    Attributes:
        epoch: Epochs completed.
        step: Steps made, those that were skipped included.
        epoch_step: Steps made in the current epoch.
        best_top1: Best val top-1 so far, in [0, 1]; -1 before the first.
        best_epoch: Epoch, from 1, that it was reached in.
        skipped: Steps in a row, up to now, that were skipped as not finite.
        totals: Means over the current epoch.
        window: Means since the last point of the step curves.
        loss_scale: Of the next step, with ``train.amp: float16``.
    """

    epoch: Count = 0
    step: Count = 0
    epoch_step: Count = 0
    best_top1: Number = -1.0
    best_epoch: Count = 0
    skipped: Count = 0
    totals: RunningMean = field(default_factory=RunningMean)
    window: RunningMean = field(default_factory=RunningMean)
    loss_scale: LossScale = field(default_factory=LossScale)


def epoch_record(
    state: TrainState, lr: float, totals: RunningMean, val: Evaluation, val_seconds: float
) -> dict[str, Any]:
    """The row of metrics.jsonl for the epoch that ended."""
    train = totals.means()
    return {
        "epoch": state.epoch,
        "step": state.step,
        "lr": lr,
        **{f"train/{key}": train[key] for key in ("loss", "top1", "img_per_second", "reader_cost")},
        "train/seconds": totals.seconds,
        "val/loss": val.loss,
        "val/top1": val.top1,
        f"val/top{val.k}": val.topk,
        "val/img_per_second": val.count / val_seconds,
        "val/seconds": val_seconds,
    }

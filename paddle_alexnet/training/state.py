"""Scaling the loss, so that small gradients do not become 0 in float16.

The rule is TensorFlow's ``DynamicLossScale`` with its numbers (start 2 ** 15, factor 2, 2000
updates), the dynamic scaling that Micikevicius et al., "Mixed Precision Training" (2018), section
3.2, lead to: as high as the gradients allow, found out by trying. ``paddle.amp.GradScaler`` does
the same, but is idle on a CPU, where none of it could be tested, makes the update itself, and
counts in tensors of its own.
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

import paddle

logger = logging.getLogger(__name__)

START = 2.0**15
LARGEST = 2.0**24  # NVIDIA Apex's max_loss_scale; gradients that are all 0 would raise it for ever
RAISE_AFTER = 2000


@dataclass
class LossScale:
    """What the loss is multiplied by before gradients are taken; part of a run's state.

    Powers of two change no digit, neither on scaling nor on its undoing.

    Attributes:
        value: In [1, LARGEST], a power of two.
        good: Updates in a row with finite gradients since it last changed, < RAISE_AFTER.

    Raises:
        ValueError: One is not.
    """

    value: float = START
    good: int = 0

    def __post_init__(self) -> None:
        in_range = 1 <= self.value <= LARGEST and 0 <= self.good < RAISE_AFTER
        if not in_range or math.frexp(self.value)[0] != 0.5:
            raise ValueError(f"a loss scale of {self.value} after {self.good} updates is no such")

    @paddle.no_grad()
    def undo(self, parameters: Iterable[paddle.Tensor]) -> None:
        """Divide the gradients of ``parameters`` (float32) by the scale, in place."""
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.scale_(1 / self.value)

    def passed(self) -> None:
        """Gradients were finite: after enough such updates, try twice the scale."""
        self.good += 1
        if self.good == RAISE_AFTER:
            self.value, self.good = min(2 * self.value, LARGEST), 0

    def lower(self) -> bool:
        """Gradients were not finite: halve the scale.

        Returns:
            Whether that may help; at 1 the scale is not what makes them so, and it stays.
        """
        self.good = 0
        if self.value == 1:
            return False
        self.value /= 2
        logger.info("gradients are past float16's range: the loss scale is %g now", self.value)
        return True


# MERGED training.progress: Where a run is, and what its updates came to.


HUGE = 1e300  # no sum over an epoch is near
_Made = TypeVar("_Made")


@dataclass
class RunningMean:
    """Sums over some updates.

    Attributes:
        updates: How many.
        images: In them.
        loss: Sum over the images.
        correct: Images whose label has the largest logit.
        reader_seconds: Spent waiting for batches.
        seconds: All time.
    """

    updates: int = 0
    images: int = 0
    loss: float = 0.0
    correct: float = 0.0
    reader_seconds: float = 0.0
    seconds: float = 0.0

    def add(self, images: int, loss: float, correct: float) -> None:
        """Take in an update.

        One by one: were they added up between two saves first, a run that was saved more often
        would have other last digits.
        """
        self.updates += 1
        self.images += images
        self.loss += loss
        self.correct += correct


@dataclass
class TrainState:
    """Where a run is; all of it is saved and restored.

    Attributes:
        epoch: Epochs completed.
        step: Updates made, with those that were skipped.
        epoch_step: Updates made in the epoch under way.
        best_top1: Best val top-1 so far, in [0, 1]; -1 before the first.
        best_epoch: After how many epochs that was.
        skipped: Updates in a row, up to now, that were skipped as not finite.
        totals: Of the epoch under way.
        window: Since the last point of the step curves.
        loss_scale: Of the next update, with ``train.amp: float16``.
    """

    epoch: int = 0
    step: int = 0
    epoch_step: int = 0
    best_top1: float = -1.0
    best_epoch: int = 0
    skipped: int = 0
    totals: RunningMean = field(default_factory=RunningMean)
    window: RunningMean = field(default_factory=RunningMean)
    loss_scale: LossScale = field(default_factory=LossScale)

    def plain(self) -> dict[str, Any]:
        """Numbers and dictionaries, for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> "TrainState":
        """Undo :meth:`plain`.

        Raises:
            KeyError, TypeError, ValueError: Something is missing, too much or no such number.
        """
        parts: dict[str, Any] = {
            n: _checked(RunningMean(**values[n])) for n in ("totals", "window")
        }
        # States of before float16 have none.
        parts["loss_scale"] = _checked(LossScale(**values.get("loss_scale", {})))
        return _checked(cls(**{**values, **parts}))


def _checked(made: _Made) -> _Made:
    """``made`` if its fields are of the types of their defaults, and counts are counts.

    Raises:
        TypeError: One is not.
    """
    for item in fields(made):
        value, kind = getattr(made, item.name), type(getattr(type(made)(), item.name))
        count = kind is int and type(value) is int and 0 <= value < 1 << 63
        number = kind is float and type(value) in (int, float) and -HUGE < value < HUGE
        if not (count or number or type(value) is kind in (RunningMean, LossScale)):
            raise TypeError(f"{item.name} is no such number")
    return made

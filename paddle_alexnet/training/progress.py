"""Where a run is, and what its updates came to."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from paddle_alexnet.training.loss_scale import LossScale

HUGE = 1e300  # no sum over an epoch is near
_Made = TypeVar("_Made")


@dataclass
class Tally:
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
class Progress:
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
    totals: Tally = field(default_factory=Tally)
    window: Tally = field(default_factory=Tally)
    loss_scale: LossScale = field(default_factory=LossScale)

    def plain(self) -> dict[str, Any]:
        """Numbers and dictionaries, for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> "Progress":
        """Undo :meth:`plain`.

        Raises:
            KeyError, TypeError, ValueError: Something is missing, too much or no such number.
        """
        parts: dict[str, Any] = {n: _checked(Tally(**values[n])) for n in ("totals", "window")}
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
        if not (count or number or type(value) is kind in (Tally, LossScale)):
            raise TypeError(f"{item.name} is no such number")
    return made

"""What a training loop tells others, and where it is."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paddle_alexnet.training.evaluation import Evaluation

if TYPE_CHECKING:
    from paddle_alexnet.training.loop import Trainer


@dataclass
class Progress:
    """Where a run is; all of it is saved and restored.

    Attributes:
        epoch: Epochs completed.
        step: Updates made.
        epoch_step: Updates made in the epoch under way.
        best_top1: Best val top-1 so far, in [0, 1]; -1 before the first.
        best_epoch: After how many epochs that was.
        totals: Sums over the epoch under way: loss, correct, images, reader_seconds, seconds.
    """

    epoch: int = 0
    step: int = 0
    epoch_step: int = 0
    best_top1: float = -1.0
    best_epoch: int = 0
    totals: dict[str, float] = field(default_factory=dict)


class Callback:
    """What happens beside training. Every method may be left out."""

    def on_start(self, trainer: "Trainer") -> None:
        """Before the first update of this process."""

    def on_update(self, trainer: "Trainer", images: int) -> None:
        """After every update, with the number of images in it."""

    def on_log(self, trainer: "Trainer", record: dict[str, float]) -> None:
        """Every ``log_every_steps`` updates: means since the last call."""

    def on_epoch(self, trainer: "Trainer", record: dict[str, float], val: Evaluation) -> None:
        """After the evaluation that ends an epoch. The net holds the weights evaluated."""

    def on_epoch_saved(self, trainer: "Trainer") -> None:
        """After ``on_epoch``, with the net's own weights back: the place to save the state."""

    def on_interrupt(self, trainer: "Trainer") -> None:
        """Training was asked to stop between two updates."""

    def close(self) -> None:
        """Always, at the end."""

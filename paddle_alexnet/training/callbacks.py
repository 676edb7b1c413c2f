"""What a training loop tells others."""

from typing import TYPE_CHECKING

from paddle_alexnet.training.diagnostics import NonfiniteStep
from paddle_alexnet.training.evaluation import Evaluation

if TYPE_CHECKING:
    from paddle_alexnet.training.loop import Trainer


class Callback:
    """What happens beside training. Every method may be left out."""

    def on_start(self, trainer: "Trainer") -> None:
        """Before the first update of this process."""

    def on_update(self, trainer: "Trainer", images: int) -> None:
        """After every update, with the number of images in it."""

    def on_nonfinite(self, trainer: "Trainer", update: NonfiniteStep) -> None:
        """An update is not made, as its loss or gradient is not finite."""

    def on_log(self, trainer: "Trainer", record: dict[str, float]) -> None:
        """Every ``log_every_steps`` updates: means since the last call."""

    def on_epoch(self, trainer: "Trainer", record: dict[str, float], val: Evaluation) -> None:
        """After the evaluation that ends an epoch. The net holds the weights evaluated."""

    def on_save(self, trainer: "Trainer") -> None:
        """The place to save the state: after an epoch, every ``save_every_steps``, on stopping.

        The net holds its own weights.
        """

    def close(self) -> None:
        """Always, at the end."""

"""Keeping the memory of a training process small."""

from typing import TYPE_CHECKING

from paddle_alexnet.runtime.cpu import hand_back_after
from paddle_alexnet.training.callbacks import Callback

if TYPE_CHECKING:
    from paddle_alexnet.training.loop import Trainer


class FreedMemory(Callback):
    """Gives back what building the net and the first updates of a process have freed."""

    def __init__(self) -> None:
        self._updates = 0

    def on_start(self, trainer: "Trainer") -> None:
        """Give back what building the net has freed."""
        hand_back_after(0)

    def on_update(self, trainer: "Trainer", images: int) -> None:
        """Give back what an update has freed, where it is one of the first."""
        self._updates += 1
        hand_back_after(self._updates)

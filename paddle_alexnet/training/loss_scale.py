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
from dataclasses import dataclass

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

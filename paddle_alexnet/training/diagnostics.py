"""An update whose loss or gradient is not finite: finding it, and saying all that is known."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import paddle
from paddle import nn

from paddle_alexnet.printable import printable

# So many skipped updates in a row are no accident of one batch.
MOST_SKIPPED = 10
SHOWN_FILES = 3


@dataclass(frozen=True)
class NonfiniteStep:
    """An update that was not made.

    Attributes:
        step: Its number, from 1.
        lr: Its learning rate.
        loss: Mean over its images.
        gradient_norms: L2 norm of the gradient of each block of the net.
        files: The pictures of its batches, of all processes.
    """

    step: int
    lr: float
    loss: float
    gradient_norms: dict[str, float]
    files: tuple[str, ...]

    def describe(self) -> str:
        """One line."""
        norms = ", ".join(f"{name} {norm:.3g}" for name, norm in self.gradient_norms.items())
        files = ", ".join(map(printable, self.files[:SHOWN_FILES]))
        more = len(self.files) - SHOWN_FILES
        return (
            f"update {self.step} is not finite: loss {self.loss:.4g}, lr {self.lr:.3g}, gradient "
            f"norms {norms}; pictures {files}" + (f" and {more} more" if more > 0 else "")
        )

    def explain(self, in_a_row: int, *, skipping: bool) -> str:
        """:meth:`describe`, and what to do.

        Args:
            in_a_row: Such updates without another between them, with this one.
            skipping: Whether others were left out.
        """
        return (
            f"{self.describe()}. "
            + (f"It is number {in_a_row} in a row. " if in_a_row > 1 else "")
            + "The last saved state is as it was. Look at the pictures; "
            + ("" if skipping else "go on with -o train.on_nonfinite=skip, which leaves such out; ")
            + "or start a new run with a lower optimizer.lr, longer schedule.warmup_epochs or "
            "optimizer.clip_norm: model.pretrained=best.safetensors keeps the best weights, as the "
            "last may be spoilt already"
        )


@paddle.no_grad()
def gradient_norm(parameters: Iterable[paddle.Tensor]) -> float:
    """L2 norm of the gradients of ``parameters`` taken together; NaN or inf where one is."""
    flat = [p.grad.flatten() for p in parameters if p.grad is not None]
    # As a product of matrices: eight times as fast as squaring and adding up (measured, CPU).
    squares = [paddle.matmul(g.unsqueeze(0), g.unsqueeze(1)).flatten() for g in flat]
    return math.sqrt(total) if (total := float(paddle.concat(squares).sum())) >= 0 else math.nan


def gradient_norms(net: nn.Layer) -> dict[str, float]:
    """The same for each part of ``net`` that has parameters: block1, block2 ... out_fc."""
    parts = {name: part.parameters() for name, part in net.named_children()}
    return {name: gradient_norm(parameters) for name, parameters in parts.items() if parameters}

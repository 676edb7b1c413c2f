"""Signs that training goes wrong: gradients that are not finite, a loss that does not fall."""

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.runtime.distributed import ALONE, Ranks

logger = logging.getLogger(__name__)

SHOWN_NAMES = 3
# A net that learns is below by then (docs/results.md: 1.41 of 1.60 after 138 steps); one that
# stalls stays within a hundredth of the class-prior entropy, or above it.
STALL_STEPS = 100
STALL_FRACTION = 0.98


@paddle.no_grad()
def squared_gradient_norm(parameters: Iterable[paddle.Tensor]) -> paddle.Tensor:
    """Squared L2 norm of all gradients together, float32 []; not finite where one is not."""
    flat = [p.grad.flatten() for p in parameters if p.grad is not None]
    # As a product of matrices: eight times as fast as squaring and adding up (measured, CPU).
    squares = [paddle.matmul(g.unsqueeze(0), g.unsqueeze(1)).flatten() for g in flat]
    return paddle.concat(squares).sum()


def gradient_norms(net: nn.Layer, towers: Ranks = ALONE) -> dict[str, float]:
    """L2 norm of the gradient of each part of ``net`` with parameters: block1 ... out_fc.

    Args:
        net: The net.
        towers: The processes that each hold a tower of it.
    """
    parts = {name: part.parameters() for name, part in net.named_children()}
    squares = {name: float(squared_gradient_norm(ps)) for name, ps in parts.items() if ps}
    sums = zip(squares, towers.all_reduce_sum(list(squares.values())), strict=True)
    return {name: math.sqrt(x) if x >= 0 else math.nan for name, x in sums}


@dataclass(frozen=True)
class NonfiniteStep:
    """A step that was not made, as its loss or gradient is not finite.

    Attributes:
        step: Its number, from 1.
        lr: Its learning rate.
        loss: Mean over its images, nats.
        gradient_norms: L2 norm of the gradient of each block of the net.
        files: Names of the images of its batches, of all ranks.
    """

    step: int
    lr: float
    loss: float
    gradient_norms: dict[str, float]
    files: tuple[str, ...]

    def describe(self) -> str:
        """All of it in one line."""
        norms = ", ".join(f"{name} {norm:.3g}" for name, norm in self.gradient_norms.items())
        files = ", ".join(map(repr, self.files[:SHOWN_NAMES]))
        more = len(self.files) - SHOWN_NAMES
        return (
            f"step {self.step} is not finite: loss {self.loss:.4g}, lr {self.lr:.3g}, gradient "
            f"norms {norms}; images {files}" + (f" and {more} more" if more > 0 else "")
        )

    def explain(self, in_a_row: int, *, skipping: bool) -> str:
        """:meth:`describe`, and what to do.

        Args:
            in_a_row: Such steps without a finite one between them, this one included.
            skipping: Whether the others were skipped.
        """
        return (
            f"{self.describe()}. "
            + (f"It is number {in_a_row} in a row. " if in_a_row > 1 else "")
            + "It changed no weights. Look at the images; "
            + ("" if skipping else "continue with -o train.on_nonfinite=skip, which skips such; ")
            + "or start a new run with a lower optimizer.lr, longer schedule.warmup_epochs or "
            "optimizer.clip_norm; model.pretrained with the run's best.safetensors, if there is "
            "one, keeps the best weights"
        )


class StallDetector:
    """Warns, once, when the training loss stays at that of a constant answer.

    Args:
        labels: Of the training images.
        label_smoothing: Of the loss.
        patience: Steps over which the loss is averaged, after as many that are ignored.
    """

    def __init__(
        self, labels: Sequence[int], label_smoothing: float = 0.0, patience: int = STALL_STEPS
    ) -> None:
        self.prior_entropy = class_prior_entropy(labels, label_smoothing)
        self.patience = patience
        self.warned = False
        self.losses: list[tuple[int, float]] = []  # step, and the mean loss up to it
        self.first: int | None = None  # step; a resumed run begins with an empty window

    def check(self, step: int, loss: float) -> None:
        """Add the mean loss of some steps, up to ``step``.

        The mean over the last ``patience`` steps counts, as single batches differ by chance. The
        first steps do not, as the loss may start far above; nor do the first of a resumed run.
        """
        self.first = step if self.first is None else self.first
        self.losses = [(n, value) for n, value in self.losses if n > step - self.patience]
        self.losses.append((step, loss))
        mean = math.fsum(value for _, value in self.losses) / len(self.losses)
        stalls = mean >= STALL_FRACTION * self.prior_entropy
        enough = step >= 2 * self.patience and step - self.first >= self.patience
        if stalls and enough and not self.warned:
            self.warned = True
            logger.warning(
                "training stalls: after %d steps the training loss is %.3f, and a net that only "
                "knows the class frequencies has %.3f. docs/init.md says why; "
                "model.init=he_small_head is the usual cure, then another optimizer.lr",
                *(step, mean, self.prior_entropy),
            )


def class_prior_entropy(labels: Sequence[int], label_smoothing: float = 0.0) -> float:
    """Cross-entropy of the best answer that is the same for every image, in nats.

    The entropy of the class frequencies, smoothed as the targets are.
    """
    frequencies = np.unique(np.asarray(labels), return_counts=True)[1] / len(labels)
    smooth = (1 - label_smoothing) * frequencies + label_smoothing / len(frequencies)
    return -math.fsum(smooth * np.log(smooth))

"""Scores, accuracy and loss of a net on labelled images."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from paddle_alexnet.runtime.distributed import ALONE, Ranks


@dataclass(frozen=True)
class Evaluation:
    """Figures over a data set.

    Attributes:
        loss: Mean cross-entropy, nats, without label smoothing.
        topk: Fraction of images whose class is among the ``k`` best, in [0, 1].
        k: The k used: as requested, limited to the number of classes.
        labels: Of every image, int64 [N], in the order of the data set.
        logits: Of every image, float32 [N, classes].
    """

    loss: float
    topk: float
    k: int
    labels: np.ndarray
    logits: np.ndarray

    @property
    def count(self) -> int:
        """Number of images evaluated."""
        return len(self.labels)

    @property
    def topk_tells(self) -> bool:
        """Whether top-k says more than top-1; of as many classes as k it is always 1."""
        return 1 < self.k < self.logits.shape[1]

    @cached_property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit of every image, int64 [N]."""
        return self.logits.argmax(axis=1)

    @cached_property
    def confusion(self) -> np.ndarray:
        """Confusion matrix, int64 [classes, classes]; row: true class, column: predicted."""
        matrix = np.zeros((self.logits.shape[1],) * 2, np.int64)
        np.add.at(matrix, (self.labels, self.predicted), 1)
        return matrix

    @cached_property
    def scores(self) -> np.ndarray:
        """Softmax of the logits, float32 [N, classes]."""
        powers = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    @property
    def top1(self) -> float:
        """Fraction of images whose best class is the true one, in [0, 1]."""
        return float(np.trace(self.confusion) / self.count)

    def explain_nonfinite(self, epoch: int) -> str:
        """What to do when :attr:`loss` is not finite, which ends a run after ``epoch``."""
        return (
            f"the val loss after epoch {epoch} is {self.loss}: start a new run with a lower "
            "optimizer.lr or with optimizer.clip_norm"
        )


@paddle.no_grad()
def evaluate(
    net: nn.Layer,
    normalize: nn.Layer,
    batches: Iterable[list[paddle.Tensor]],
    *,
    num_classes: int,
    topk: int,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Run ``net`` in evaluation mode over all batches; its mode is restored.

    A batch costs one transfer from the device.

    Args:
        net: Gives logits [N, num_classes].
        normalize: From uint8 [N, S, S, 3] to the net's input.
        batches: (images, labels) as :class:`paddle_alexnet.data.batches.EvaluationBatches` makes;
            images uint8 [N, S, S, 3], or [N, V, S, S, 3] of V views whose softmaxes are averaged.
        num_classes: Columns of the logits.
        topk: k of the top-k accuracy, >= 1.
        ranks: Processes that each evaluate a part of the images.
    """
    was_training = net.training
    net.eval()
    k = min(topk, num_classes)
    loss, hits, rows = 0.0, 0, []
    for images, labels in batches:
        logits = _logits(net, normalize, images)
        parts = [
            F.cross_entropy(logits, labels, reduction="sum"),
            (logits.topk(k)[1] == labels.unsqueeze(1)).any(axis=1).sum(),
            paddle.concat([labels.astype("float32").unsqueeze(1), logits], 1),
        ]
        # float64 holds a float32 and the counts without rounding; float32 holds every class index.
        row = paddle.concat([part.astype("float64").flatten() for part in parts]).numpy()
        loss, hits = loss + float(row[0]), hits + int(row[1])
        rows.append(row[2:].reshape(-1, 1 + num_classes).astype("float32"))
    if was_training:
        net.train()
    table = np.concatenate(rows) if rows else np.zeros((0, 1 + num_classes), np.float32)
    loss, hits, count = ranks.all_reduce_sum([loss, hits, len(table)])
    if ranks.count > 1:
        # Each rank has every ranks.count-th image; the sum over the ranks puts them in order.
        whole = np.zeros((int(count), 1 + num_classes), np.float32)
        whole[ranks.rank :: ranks.count] = table
        gathered = paddle.to_tensor(whole)
        ranks.all_reduce_([gathered])
        table = gathered.numpy()
    return Evaluation(loss / count, hits / count, k, table[:, 0].astype(np.int64), table[:, 1:])


def _logits(net: nn.Layer, normalize: nn.Layer, images: paddle.Tensor) -> paddle.Tensor:
    if images.ndim != 5:
        return net(normalize(images))
    count, views = images.shape[:2]
    scores = F.softmax(net(normalize(images.flatten(0, 1))), axis=1)
    # log(p) of probabilities p that sum to 1 is a set of logits whose softmax is p.
    return scores.reshape([count, views, -1]).mean(axis=1).log()

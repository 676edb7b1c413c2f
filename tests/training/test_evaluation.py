"""Figures against counts by hand."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.training.evaluation import evaluate


class Scores(nn.Layer):
    """Takes the logits from the image's first bytes."""

    def forward(self, images):
        assert not self.training
        assert not paddle.is_grad_enabled()
        return images[:, 0, 0].astype("float32")


LOGITS = np.array([[3, 1, 2], [1, 2, 3], [0, 5, 1], [9, 8, 7], [1, 1, 0]], np.uint8)
LABELS = np.array([0, 0, 1, 2, 1])


def batches():
    for part in (slice(0, 2), slice(2, 5)):  # of unequal size
        images = LOGITS[part].reshape(-1, 1, 1, 3)
        yield paddle.to_tensor(images), paddle.to_tensor(LABELS[part])


def test_counts():
    net = Scores()
    net.train()
    got = evaluate(net, lambda x: x, batches(), num_classes=3, topk=2)
    assert net.training
    assert got.confusion.tolist() == [[1, 0, 1], [1, 1, 0], [1, 0, 0]]  # argmax of a tie: first
    assert (got.count, got.top1) == (5, 2 / 5)
    assert got.labels.tolist() == LABELS.tolist()
    assert got.topk == 3 / 5  # the ranks of the labels are 1, 3, 1, 3 and 2
    logits = LOGITS.astype(float)
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert got.loss == pytest.approx(-logp[np.arange(5), LABELS].mean(), rel=1e-6)
    np.testing.assert_allclose(got.scores, np.exp(logp), rtol=1e-5)


class OneOfTwo:
    """Stands for the ranks of two processes: adds what the other one would send."""

    rank, count = 1, 2

    def __init__(self, other):
        self.other = other

    def all_reduce_sum(self, values):
        mine = self.other.loss * self.other.count, self.other.topk * self.other.count
        return [a + b for a, b in zip(values, (*mine, self.other.count), strict=True)]

    def all_reduce_(self, tensors):
        rows = np.concatenate([self.other.labels[:, None], self.other.logits], axis=1)
        for tensor in tensors:
            whole = np.zeros(tensor.shape)
            whole[0::2] = rows
            tensor.add_(paddle.to_tensor(whole, tensor.dtype))


def test_images_of_two_ranks_come_in_the_order_of_the_data_set():
    def share(rank):
        images = LOGITS[rank::2].reshape(-1, 1, 1, 3)
        return [[paddle.to_tensor(images), paddle.to_tensor(LABELS[rank::2])]]

    whole = evaluate(Scores(), lambda x: x, batches(), num_classes=3, topk=2)
    other = evaluate(Scores(), lambda x: x, share(0), num_classes=3, topk=2)
    ranks = OneOfTwo(other)
    got = evaluate(Scores(), lambda x: x, share(1), num_classes=3, topk=2, ranks=ranks)
    assert got.labels.tolist() == LABELS.tolist()
    assert got.logits.tolist() == LOGITS.tolist()
    assert (got.topk, got.loss) == (whole.topk, pytest.approx(whole.loss))


def test_k_is_cut_to_the_number_of_classes():
    got = evaluate(Scores(), lambda x: x, batches(), num_classes=3, topk=5)
    assert (got.k, got.topk) == (3, 1.0)


def test_softmaxes_of_views_are_averaged():
    views = np.random.default_rng(0).integers(0, 6, (4, 10, 1, 1, 3), dtype=np.uint8)
    labels = np.array([0, 1, 2, 1])
    scores = np.exp(views.astype(float)[:, :, 0, 0])
    scores = (scores / scores.sum(axis=2, keepdims=True)).mean(axis=1)
    batch = [paddle.to_tensor(views), paddle.to_tensor(labels)]
    got = evaluate(Scores(), lambda x: x, [batch], num_classes=3, topk=1)
    assert got.top1 == (scores.argmax(axis=1) == labels).mean()
    assert got.loss == pytest.approx(-np.log(scores[np.arange(4), labels]).mean(), rel=1e-5)

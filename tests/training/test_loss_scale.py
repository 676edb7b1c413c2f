"""Scaling the loss: the rule against the same in plain Python, and what it leaves alone."""

import json
from itertools import pairwise

import numpy as np
import paddle
import pytest

from paddle_alexnet.training import loss_scale
from paddle_alexnet.training.state import LARGEST, RAISE_AFTER, START, LossScale, TrainState


def by_hand(finite, raise_after):
    """The scale before each update, and whether the update counts as an error."""
    scale, since, rows = 32768.0, 0, []
    for good in finite:
        error = not good and scale == 1
        rows.append((scale, error))
        if good:
            since += 1
            if since == raise_after:
                scale, since = min(scale * 2, 16777216.0), 0
        else:
            since = 0
            if scale > 1:
                scale = scale / 2
    return rows


def by_class(finite):
    scale, rows = LossScale(), []
    for good in finite:
        before = scale.value
        error = not good and not scale.lower()
        if good:
            scale.passed()
        rows.append((before, error))
    return rows


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97, 1.0])
def test_the_rule(monkeypatch, share):
    monkeypatch.setattr(loss_scale, "RAISE_AFTER", 3)
    finite = np.random.default_rng(0).random(300) < share
    rows = by_class(finite)
    assert rows == by_hand(finite, 3)
    scales = [scale for scale, _ in rows]
    assert (min(scales) == 1) == (share < 0.5)
    assert (max(scales) == LARGEST) == (share > 0.5)
    assert all(b in (a, a / 2, a * 2) for a, b in pairwise(scales))


def test_its_numbers():
    assert (START, RAISE_AFTER) == (32768, 2000)
    rows = by_class([True] * 4001)
    assert rows == by_hand([True] * 4001, 2000)
    assert rows[-1][0] == 4 * START


def test_undoing_changes_no_digit():
    values = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    for scale in (1.0, START, LARGEST):
        parameter = paddle.zeros([7, 5])
        parameter.stop_gradient = False
        ((parameter * paddle.to_tensor(values)).sum() * scale).backward()
        np.testing.assert_array_equal(parameter.grad.numpy(), values * np.float32(scale))
        LossScale(scale).undo([parameter, paddle.zeros([2])])
        np.testing.assert_array_equal(parameter.grad.numpy(), values)


def test_what_is_not_finite_stays_so():
    parameter = paddle.zeros([3])
    parameter.stop_gradient = False
    (parameter * paddle.to_tensor([np.inf, -np.inf, np.nan])).sum().backward()
    LossScale().undo([parameter])
    assert not np.isfinite(parameter.grad.numpy()).any()


def test_it_is_saved_and_restored():
    progress = TrainState(loss_scale=LossScale(2.0**9, 1234))
    text = json.dumps(progress.plain())
    assert TrainState.from_plain(json.loads(text)) == progress
    plain = progress.plain()
    del plain["loss_scale"]  # as states were before it
    assert TrainState.from_plain(plain).loss_scale == LossScale()


@pytest.mark.parametrize(
    "change",
    [
        {"value": 0.0},
        {"value": -2.0},
        {"value": 2.0**25},
        {"value": 1.5},
        {"value": float("nan")},
        {"value": "1"},
        {"good": -1},
        {"good": 2000},
        {"good": 1.0},
        {"more": 1},
    ],
)
def test_what_is_no_scale(change):
    plain = TrainState().plain()
    plain["loss_scale"].update(change)
    with pytest.raises((TypeError, ValueError)):
        TrainState.from_plain(plain)

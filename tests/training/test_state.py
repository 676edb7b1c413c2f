"""Where a run stands: to JSON and back, and the rule of the loss scale against plain Python."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
import paddle
import pytest

from paddle_alexnet.storage.files import parse_strict
from paddle_alexnet.training import state
from paddle_alexnet.training.state import (
    LOSS_SCALE_MAX,
    LOSS_SCALE_RAISE_AFTER,
    LOSS_SCALE_START,
    LossScale,
    TrainState,
)


def plain(value):
    return json.loads(json.dumps(dataclasses.asdict(value)))


def read(values):
    return parse_strict(TrainState, json.dumps(values))


def test_a_state_survives_json():
    value = TrainState(epoch=2, step=14, best_top1=0.1 + 0.2, best_epoch=1)
    value.window.add(8, 1.5, 3.0)
    value.loss_scale = LossScale(2.0**9, 1234)
    assert read(plain(value)) == value


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "2"},
        {"epoch": 2.5},
        {"epoch": True},
        {"epoch": -1},
        {"step": 10**400},
        {"best_top1": None},
        {"best_top1": float("nan")},
        {"totals": {}, "more": 1},
        {"totals": []},
        {"window": {"steps": "1"}},
        {"window": {"more": 1}},
        {"loss_scale": {"value": 0.0}},
        {"loss_scale": {"value": -2.0}},
        {"loss_scale": {"value": 2.0**25}},
        {"loss_scale": {"value": 1.5}},
        {"loss_scale": {"value": float("nan")}},
        {"loss_scale": {"value": "1"}},
        {"loss_scale": {"good_steps": -1}},
        {"loss_scale": {"good_steps": 2000}},
        {"loss_scale": {"good_steps": 1.5}},
        {"loss_scale": {"more": 1}},
    ],
)
def test_other_values_are_refused(change):
    with pytest.raises(ValueError):
        read({**plain(TrainState()), **change})


def by_hand(finite, raise_after):
    """The scale before each step, and whether the step counts as an error."""
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


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.97, 1.0])
def test_the_rule_of_the_loss_scale(monkeypatch, fraction):
    monkeypatch.setattr(state, "LOSS_SCALE_RAISE_AFTER", 3)
    finite = np.random.default_rng(0).random(300) < fraction
    rows = by_class(finite)
    assert rows == by_hand(finite, 3)
    scales = [scale for scale, _ in rows]
    assert (min(scales) == 1) == (fraction < 0.5)
    assert (max(scales) == LOSS_SCALE_MAX) == (fraction > 0.5)
    assert all(b in (a, a / 2, a * 2) for a, b in pairwise(scales))


def test_its_numbers():
    assert (LOSS_SCALE_START, LOSS_SCALE_RAISE_AFTER) == (32768, 2000)
    rows = by_class([True] * 4001)
    assert rows == by_hand([True] * 4001, 2000)
    assert rows[-1][0] == 4 * LOSS_SCALE_START


def test_undoing_the_scale_changes_no_digit():
    values = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    for scale in (1.0, LOSS_SCALE_START, LOSS_SCALE_MAX):
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

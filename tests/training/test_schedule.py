"""Rates against formulas."""

import math

import pytest

from paddle_alexnet.config.keys import ScheduleKeys
from paddle_alexnet.training.schedule import Schedule

PEAK, EPOCHS, STEPS = 0.02, 8, 10


def make(**keys):
    return Schedule(ScheduleKeys(**keys), peak_lr=PEAK, epochs=EPOCHS, steps_per_epoch=STEPS)


def run(schedule, errors=()):
    """The rates of a whole run, with val errors at the ends of epochs."""
    rates = []
    for epoch in range(EPOCHS):
        rates += [schedule.at(epoch * STEPS + i) for i in range(STEPS)]
        schedule.end_epoch(errors[epoch] if errors else 0.5)
    return rates


@pytest.mark.parametrize("name", ["plateau", "step", "cosine"])
def test_warm_up_is_linear(name):
    schedule = make(name=name, warmup_epochs=1.5, milestones=[4])
    for step in range(15):
        assert schedule.at(step) == pytest.approx(PEAK * (step + 1) / 15)
    assert schedule.at(15) == pytest.approx(PEAK)


@pytest.mark.parametrize("warmup", [0, 2])
def test_cosine(warmup):
    rates = run(make(name="cosine", warmup_epochs=warmup))
    first, total = warmup * STEPS, EPOCHS * STEPS
    for step in range(first, total):
        share = (step - first) / (total - first)
        assert rates[step] == pytest.approx(PEAK * 0.5 * (1 + math.cos(math.pi * share)))


def test_step():
    rates = run(make(name="step", milestones=[2, 5], factor=0.1))
    want = [PEAK] * 20 + [PEAK * 0.1] * 30 + [PEAK * 0.01] * 30
    assert rates == pytest.approx(want)


def test_plateau_divides_when_the_error_no_longer_falls():
    # Best at epoch 3 (0.4); 0.4 again is no fall. patience 1: the second such epoch divides.
    errors = [0.6, 0.5, 0.4, 0.4, 0.45, 0.39, 0.5, 0.5]
    rates = run(make(name="plateau", factor=0.1, patience=1), errors)
    by_epoch = rates[::STEPS]
    assert by_epoch == pytest.approx([PEAK] * 5 + [PEAK / 10] * 3)


def test_plateau_stops_at_min_lr():
    rates = run(make(name="plateau", patience=0, min_lr=0.005))
    assert min(rates) == pytest.approx(0.005)


@pytest.mark.parametrize("name", ["plateau", "step", "cosine"])
def test_going_on_from_the_state(name):
    errors = [0.5, 0.5, 0.5, 0.4, 0.5, 0.5, 0.3, 0.3]
    keys = {"name": name, "warmup_epochs": 1, "milestones": [3, 6]}
    whole = run(make(**keys), errors)
    first = make(**keys)
    for epoch in range(4):
        for i in range(STEPS):
            first.at(epoch * STEPS + i)
        first.end_epoch(errors[epoch])
    second = make(**keys)
    second.restore(first.state())
    rest = []
    for epoch in range(4, EPOCHS):
        rest += [second.at(epoch * STEPS + i) for i in range(STEPS)]
        second.end_epoch(errors[epoch])
    assert rest == whole[4 * STEPS :]

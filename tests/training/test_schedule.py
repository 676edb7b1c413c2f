"""Rates against formulas."""

import math

import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.config.schema import ScheduleConfig
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.training.schedule import SCHEDULES, build_schedule, check_schedule
from tests.tiny_run import Halving

PEAK, EPOCHS, STEPS = 0.02, 8, 10


def make(**keys):
    config = ScheduleConfig(**keys)
    cls = SCHEDULES[config.name]
    return cls(config, peak_lr=PEAK, epochs=EPOCHS, steps_per_epoch=STEPS)


def run(schedule, errors=()):
    """The rates of a whole run, with val errors at the ends of epochs."""
    rates = []
    for epoch in range(EPOCHS):
        rates += [schedule.lr(epoch * STEPS + i) for i in range(STEPS)]
        schedule.end_epoch(errors[epoch] if errors else 0.5)
    return rates


@pytest.mark.parametrize("name", ["plateau", "step", "cosine"])
def test_warm_up_is_linear(name):
    schedule = make(name=name, warmup_epochs=1.5, milestones=[4])
    for step in range(15):
        assert schedule.lr(step) == pytest.approx(PEAK * (step + 1) / 15)
    assert schedule.lr(15) == pytest.approx(PEAK)


@pytest.mark.parametrize("warmup", [0, 2])
def test_cosine(warmup):
    rates = run(make(name="cosine", warmup_epochs=warmup))
    first, total = warmup * STEPS, EPOCHS * STEPS
    for step in range(first, total):
        fraction = (step - first) / (total - first)
        assert rates[step] == pytest.approx(PEAK * 0.5 * (1 + math.cos(math.pi * fraction)))


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


def test_epochs2012_is_run_145():
    """0.01, then / 10 at 25, 51 and 79; conv1 at 1e-5 from 67 and still from 72."""
    keys = ScheduleConfig(name="epochs2012")
    schedule = SCHEDULES["epochs2012"](keys, peak_lr=0.01, epochs=90, steps_per_epoch=STEPS)
    rates = {epoch: schedule.lr(epoch * STEPS) for epoch in range(90)}
    for first, last, rate in [(0, 25, 1e-2), (25, 51, 1e-3), (51, 79, 1e-4), (79, 90, 1e-5)]:
        assert [rates[e] for e in range(first, last)] == pytest.approx([rate] * (last - first))
    assert schedule.lr(25 * STEPS - 1) == pytest.approx(1e-2)
    assert [schedule.color_noise(e) for e in range(90)] == [True] * 67 + [False] * 23
    conv1 = [schedule.lr(e * STEPS) * schedule.conv1_factor(e * STEPS) for e in range(90)]
    assert conv1[:67] == [rates[e] for e in range(67)]
    assert conv1[67:72] == pytest.approx([1e-5] * 5)
    assert conv1[72:] == [0.0] * 18


def test_only_epochs2012_switches_colour_noise_off():
    for name in ("plateau", "step", "cosine"):
        assert make(name=name, milestones=[25]).color_noise(80)


@pytest.mark.parametrize("name", ["plateau", "step", "cosine"])
def test_going_on_from_the_state(name):
    errors = [0.5, 0.5, 0.5, 0.4, 0.5, 0.5, 0.3, 0.3]
    keys = {"name": name, "warmup_epochs": 1, "milestones": [3, 6]}
    whole = run(make(**keys), errors)
    first = make(**keys)
    for epoch in range(4):
        for i in range(STEPS):
            first.lr(epoch * STEPS + i)
        first.end_epoch(errors[epoch])
    second = make(**keys)
    second.restore(first.state())
    rest = []
    for epoch in range(4, EPOCHS):
        rest += [second.lr(epoch * STEPS + i) for i in range(STEPS)]
        second.end_epoch(errors[epoch])
    assert rest == whole[4 * STEPS :]


@pytest.mark.parametrize("change", [{}, {"more": 1}, {"last_lr": "1"}, {"last_lr": 1e400}])
def test_a_state_of_another_schedule(change):
    schedule = make(name="step", milestones=[3])
    state = {**schedule.state(), **change} if change else {}
    with pytest.raises(ValueError, match="schedule"):
        schedule.restore(state)


def test_a_schedule_from_outside_the_package(monkeypatch):
    with pytest.raises(ConfigError, match=r"schedule\.name"):
        check_schedule(ScheduleConfig(name="halving"))
    monkeypatch.setitem(SCHEDULES, "halving", Halving)
    config = make_config(
        {
            "schedule": {"name": "halving", "warmup_epochs": 1},
            "train": {"epochs": 4, "accumulate_steps": 2},
            "optimizer": {"lr": 0.4},
        }
    )
    check_schedule(config.schedule)
    schedule = build_schedule(config, 5)  # three steps an epoch
    rates = [schedule.lr(step) for step in range(12)]
    assert rates == pytest.approx([0.4 / 3, 0.8 / 3, 0.4, *[0.2] * 3, *[0.1] * 3, *[0.05] * 3])

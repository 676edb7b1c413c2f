"""Timing in turn."""

import itertools

import pytest

from paddle_alexnet.benchmark import timing
from paddle_alexnet.benchmark.timing import interleave


@pytest.fixture
def clock(monkeypatch):
    """Seconds, in a list of one, that pass when a test says so."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def cases_taking(seconds, clock, calls):
    """By name, calls that take so many seconds each."""

    def case(name):
        def call():
            calls.append(name)
            clock[0] += next(seconds[name])

        return call

    return {name: case(name) for name in seconds}


def test_in_turn_with_medians_and_quartiles(clock):
    calls = []
    # The first is to warm up.
    seconds = {"a": iter([9.0, 1.0, 2.0, 3.0, 4.0, 5.0]), "b": iter([9.0] + [0.5] * 5)}
    result = interleave(cases_taking(seconds, clock, calls), rounds=5, warmup=1)
    assert calls == ["a", "b"] * 6
    assert vars(result["a"]) == pytest.approx({"median": 3000, "low": 2000, "high": 4000})
    assert vars(result["b"]) == pytest.approx({"median": 500, "low": 500, "high": 500})


def test_a_turn_of_short_calls_is_their_mean(clock):
    calls = []
    seconds = {"short": iter([8.0, 1.0, 3.0, 2.0, 1.0, 9.0]), "long": itertools.repeat(7.0)}
    result = interleave(cases_taking(seconds, clock, calls), rounds=2, warmup=0, turn_seconds=6.0)
    # 8; then 1 + 3 + 2, which are the six wanted.
    assert calls == ["short", "long", *["short"] * 3, "long"]
    assert result["short"].median == pytest.approx(1e3 * (8 + 2) / 2)
    assert result["long"].median == pytest.approx(7000)


def test_threads_of_one_case_come_to_rest_before_the_next(clock):
    began = []

    def case(name):
        def call():
            began.append((name, clock[0]))
            clock[0] += 1.0

        return call

    result = interleave({"a": case("a"), "b": case("b")}, rounds=2, warmup=0)
    pauses = [later - earlier - 1.0 for (_, earlier), (_, later) in itertools.pairwise(began)]
    assert min(pauses) >= 0.2  # Intel's OpenMP: KMP_BLOCKTIME
    assert result["a"].median == pytest.approx(1000)  # the pause is no part of it

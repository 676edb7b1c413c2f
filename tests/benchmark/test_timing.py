"""Timing in turn."""

import pytest

from paddle_alexnet.benchmark import timing
from paddle_alexnet.benchmark.timing import interleave


def test_in_turn_with_medians_and_quartiles(monkeypatch):
    clock = [0.0]
    calls = []
    # Seconds that the calls of each case take; the first is to warm up.
    takes = {"a": iter([9.0, 1.0, 2.0, 3.0, 4.0, 5.0]), "b": iter([9.0] + [0.5] * 5)}

    def case(name):
        def call():
            calls.append(name)
            clock[0] += next(takes[name])

        return call

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    result = interleave({name: case(name) for name in takes}, rounds=5, warmup=1)
    assert calls == ["a", "b"] * 6
    assert vars(result["a"]) == pytest.approx({"median": 3000, "low": 2000, "high": 4000})
    assert vars(result["b"]) == pytest.approx({"median": 500, "low": 500, "high": 500})

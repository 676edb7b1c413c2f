"""Timing several things so that they can be compared on a noisy machine."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# Seconds between two turns. Threads that have nothing to do look for work in a loop, those of
# Intel's OpenMP for 0.2 s (KMP_BLOCKTIME), and would take a core from whatever comes next.
SETTLE = 0.3


@dataclass(frozen=True)
class Spread:
    """What something measured several times came to, in milliseconds or MiB.

    Attributes:
        median: Of all rounds.
        low: Their lower quartile.
        high: Their upper quartile.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(*np.quantile(values, (0.5, 0.25, 0.75)).tolist())


def interleave(
    cases: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warmup: int = 2,
    turn_seconds: float = 0.25,
) -> dict[str, Spread]:
    """Time every case once a round, in turn, so that what else the machine does meets all alike.

    A turn is one call after another until ``turn_seconds`` are over, and counts as their mean. A
    single short call would be that of a processor whose caches the case before has filled. Before
    every turn, what the one before has left running gets :data:`SETTLE` seconds to come to rest.

    Args:
        cases: What to call; each call must have done its work when it returns.
        rounds: Measured turns of each, >= 1.
        warmup: Turns of each before.
        turn_seconds: At least; 0 for one call a turn.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warmup + rounds):
        for name, call in cases.items():
            time.sleep(SETTLE)
            mean = _turn(call, turn_seconds)
            if turn >= warmup:
                times[name].append(1e3 * mean)
    return {name: Spread.of(values) for name, values in times.items()}


def _turn(call: Callable[[], object], least: float) -> float:
    """Seconds a call takes on average."""
    calls, start = 0, time.perf_counter()
    while True:
        call()
        calls += 1
        passed = time.perf_counter() - start
        if passed >= least:
            return passed / calls

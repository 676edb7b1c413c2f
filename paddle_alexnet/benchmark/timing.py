"""Timing several things so that they can be compared on a noisy machine."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """How long something took, in milliseconds.

    Attributes:
        median: Of all rounds.
        low: Their lower quartile.
        high: Their upper quartile.
    """

    median: float
    low: float
    high: float


def interleave(
    cases: Mapping[str, Callable[[], object]], *, rounds: int, warmup: int = 2
) -> dict[str, Timing]:
    """Time every case once a round, in turn, so that what else the machine does meets all alike.

    Args:
        cases: What to call; each call must have done its work when it returns.
        rounds: Measured calls of each, >= 1.
        warmup: Calls of each before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warmup + rounds):
        for name, call in cases.items():
            start = time.perf_counter()
            call()
            if turn >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return {
        name: Timing(*(1e3 * np.quantile(values, (0.5, 0.25, 0.75))).tolist())
        for name, values in seconds.items()
    }

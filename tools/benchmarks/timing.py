"""Inputs, timing and reports that do not depend on a library. Loads neither Paddle nor torch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Case = Callable[[], object]

CLASSES = 1000
PRODUCT = (384, 2304, 5408)  # conv3 of the paper's net as a matrix product, for 32 images
PRODUCT_NAME = "matrices " + "x".join(map(str, PRODUCT))
LIBRARIES = ("paddlepaddle", "paddlepaddle-gpu", "torch")
# Seconds between two turns. Idle OpenMP threads spin before they sleep, those of Intel's OpenMP
# for 0.2 s (KMP_BLOCKTIME), and would take a core from whatever comes next.
SETTLE = 0.3


def noise(*shape: int) -> np.ndarray:
    """float32 of unit variance, from a fixed seed."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def labels(count: int) -> np.ndarray:
    """int64 [count] in [0, CLASSES), from a fixed seed."""
    return np.random.default_rng(1).integers(0, CLASSES, count)


@dataclass(frozen=True)
class Timing:
    """Median and quartiles of repeated measurements, all in one unit (ms, MiB or images/s)."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Timing":
        """Summarise one or more values; ``low`` and ``high`` are the quartiles."""
        return cls(*np.quantile(values, (0.5, 0.25, 0.75)).tolist())


@dataclass(frozen=True)
class Measured:
    """The result of one benchmark.

    Attributes:
        rows: By name; names of torch's rows begin with ``torch``.
        unit: Of the rows: ``ms``, ``MiB`` or ``images/s``.
        operations: Floating-point operations of one call, for rows that mainly consist of matrix
            products; :data:`PRODUCT_NAME` is one of them.
    """

    rows: dict[str, Timing]
    unit: str
    operations: Mapping[str, float] = field(default_factory=dict)


def interleave(
    cases: Mapping[str, Case], *, rounds: int, warmup: int = 2, turn_seconds: float = 0.25
) -> dict[str, Timing]:
    """Time every case once a round, in turn, so that other load on the machine meets all alike.

    A turn calls one case until ``turn_seconds`` are over and counts as the mean: a single short
    call would be timed with the caches that the case before has filled. Before every turn there
    is a pause of :data:`SETTLE` seconds.

    Args:
        cases: What to call, by name; each call must have done its work when it returns.
        rounds: Measured turns of each case, >= 1.
        warmup: Turns of each case that are not measured.
        turn_seconds: Length of a turn, at least; 0 for one call a turn.

    Returns:
        Milliseconds a call, by name.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warmup + rounds):
        for name, call in cases.items():
            time.sleep(SETTLE)
            calls, passed, start = 0, 0.0, time.perf_counter()
            while not calls or passed < turn_seconds:
                call()
                calls += 1
                passed = time.perf_counter() - start
            if turn >= warmup:
                times[name].append(1e3 * passed / calls)
    return {name: Timing.of(values) for name, values in times.items()}


def report_lines(measured: Measured, environment: dict[str, Any]) -> list[str]:
    """One line of machine, versions and commit, then one line for every row.

    A row shows its median, its quartiles, and its ratio to torch's first row, or to the first row
    where torch has none. Rows whose operations are known show their rate, and that rate as a
    percentage of the rate of the matrix product timed with them.

    Args:
        measured: At least one row.
        environment: :func:`paddle_alexnet.log.environment.describe_environment`.
    """
    rows = measured.rows
    reference = rows[next((name for name in rows if name.startswith("torch")), next(iter(rows)))]
    # One operation a millisecond is 1e3 a second, so 1e-6 GFLOP/s.
    rates = {name: count / rows[name].median / 1e6 for name, count in measured.operations.items()}
    machine, packages = environment["machine"], environment["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in LIBRARIES if name in packages)
    head, *changes = (environment["commit"] or "unknown").partition("+")
    commit = head[:7] + "".join(changes)
    lines = [f"{machine['cores']} cores of {machine['processor']}; {versions}; commit {commit}"]
    for name, row in rows.items():
        line = f"{name:<32}{row.median:9.1f} {measured.unit} ({row.low:.1f} to {row.high:.1f})"
        line += f"  {row.median / reference.median:5.2f}"
        if name in rates:
            line += f"  {rates[name]:6.0f} GFLOP/s"
            if len(rates) > 1:
                line += f", {rates[name] / rates[PRODUCT_NAME]:4.0%} of matrices"
        lines.append(line)
    peers = {name: row.median for name, row in rows.items() if name.startswith("torch")}
    if len(peers) > 1:
        ours, best = next(iter(rows)), min(peers, key=peers.__getitem__)
        lines.append(
            f"least of torch's: {best}; {ours}: {rows[ours].median / peers[best]:.2f} of it"
        )
    return lines


def record(
    measured: Measured, environment: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """The whole result for JSON; ``arguments`` are those of the command line."""
    return {
        "environment": environment,
        "arguments": arguments,
        "unit": measured.unit,
        "rows": {name: vars(row) for name, row in measured.rows.items()},
    }


def rows_to_plot(measured: Measured) -> dict[str, dict[str, float]]:
    """All rows but the matrix product, or that one where it is alone."""
    rows = {name: vars(row) for name, row in measured.rows.items()}
    return {name: row for name, row in rows.items() if name != PRODUCT_NAME} or rows

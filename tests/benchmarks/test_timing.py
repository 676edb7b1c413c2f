"""Timing in turn, and the report of a measurement."""

import itertools
import json
import re

import pytest

from benchmarks import timing
from benchmarks.timing import PRODUCT_NAME, Measured, Timing, interleave

ENVIRONMENT = {
    "machine": {"cores": 2, "processor": "a processor"},
    "packages": {"paddlepaddle": "3.3.1", "torch": "2.13.0", "numpy": "2.0"},
    "commit": "0123456789abcdef+changes",
}
ROWS = {
    "ours": Timing(100.0, low=90.0, high=110.0),
    "torch": Timing(200.0, low=190.0, high=260.0),
    PRODUCT_NAME: Timing(10.0, low=9.0, high=11.0),
}


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, in a list of one; only tests advance it."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def cases_taking(seconds, clock, calls):
    """Cases by name; ``seconds`` has the durations of the calls of each."""

    def case(name):
        def call():
            calls.append(name)
            clock[0] += next(seconds[name])

        return call

    return {name: case(name) for name in seconds}


def test_cases_run_in_turn_with_medians_and_quartiles(clock):
    calls = []
    # The first is the warm-up.
    seconds = {"a": iter([9.0, 1.0, 2.0, 3.0, 4.0, 5.0]), "b": iter([9.0] + [0.5] * 5)}
    result = interleave(cases_taking(seconds, clock, calls), rounds=5, warmup=1)
    assert calls == ["a", "b"] * 6
    assert vars(result["a"]) == pytest.approx({"median": 3000, "low": 2000, "high": 4000})
    assert vars(result["b"]) == pytest.approx({"median": 500, "low": 500, "high": 500})


def test_a_turn_of_short_calls_counts_as_their_mean(clock):
    calls = []
    seconds = {"short": iter([8.0, 1.0, 3.0, 2.0, 1.0, 9.0]), "long": itertools.repeat(7.0)}
    result = interleave(cases_taking(seconds, clock, calls), rounds=2, warmup=0, turn_seconds=6.0)
    # 8; then 1 + 3 + 2, the six seconds of a turn.
    assert calls == ["short", "long", *["short"] * 3, "long"]
    assert result["short"].median == pytest.approx(1e3 * (8 + 2) / 2)
    assert result["long"].median == pytest.approx(7000)


def test_there_is_a_pause_between_two_cases(clock):
    began = []

    def case(name):
        def call():
            began.append((name, clock[0]))
            clock[0] += 1.0

        return call

    result = interleave({"a": case("a"), "b": case("b")}, rounds=2, warmup=0)
    pauses = [later - earlier - 1.0 for (_, earlier), (_, later) in itertools.pairwise(began)]
    assert min(pauses) >= 0.2  # Intel's OpenMP: KMP_BLOCKTIME
    assert result["a"].median == pytest.approx(1000)  # without the pause


def test_the_report_begins_with_machine_versions_and_commit():
    head, *_ = timing.report_lines(Measured(ROWS, "ms"), ENVIRONMENT)
    assert head == (
        "2 cores of a processor; paddlepaddle 3.3.1, torch 2.13.0; commit 0123456+changes"
    )
    head, *_ = timing.report_lines(Measured(ROWS, "ms"), {**ENVIRONMENT, "commit": None})
    assert head.endswith("commit unknown")


def test_ratios_are_to_torch():
    _, *lines = timing.report_lines(Measured(ROWS, "MiB"), ENVIRONMENT)
    assert [line.split()[-1] for line in lines] == ["0.50", "1.00", "0.05"]
    assert "100.0 MiB (90.0 to 110.0)" in lines[0]


def test_without_torch_ratios_are_to_the_first_row():
    rows = {"a": Timing(4.0, 3.0, 5.0), "b": Timing(6.0, 5.0, 7.0)}
    _, *lines = timing.report_lines(Measured(rows, "ms"), ENVIRONMENT)
    assert [line.split()[-1] for line in lines] == ["1.00", "1.50"]


def test_rates_and_their_percentage_of_the_rate_of_matrices():
    """4e10 operations in 0.1 s are 400 GFLOP/s; 1e10 in 0.01 s are 1,000."""
    operations = {"ours": 4e10, "torch": 4e10, PRODUCT_NAME: 1e10}
    _, *lines = timing.report_lines(Measured(ROWS, "ms", operations), ENVIRONMENT)
    assert re.search(r"  400 GFLOP/s, +40% of matrices$", lines[0])
    assert re.search(r"  200 GFLOP/s, +20% of matrices$", lines[1])
    assert re.search(r" 1000 GFLOP/s, +100% of matrices$", lines[2])


def test_the_matrix_product_alone_has_a_rate_and_no_percentage():
    rows = {PRODUCT_NAME: ROWS[PRODUCT_NAME]}
    _, line = timing.report_lines(Measured(rows, "ms", {PRODUCT_NAME: 1e10}), ENVIRONMENT)
    assert line.endswith("1000 GFLOP/s")


def test_the_record_is_json():
    record = timing.record(Measured(ROWS, "ms"), ENVIRONMENT, {"what": "train"})
    assert json.loads(json.dumps(record)) == {
        "environment": ENVIRONMENT,
        "arguments": {"what": "train"},
        "unit": "ms",
        "rows": {
            "ours": {"median": 100.0, "low": 90.0, "high": 110.0},
            "torch": {"median": 200.0, "low": 190.0, "high": 260.0},
            PRODUCT_NAME: {"median": 10.0, "low": 9.0, "high": 11.0},
        },
    }


def test_the_matrix_product_is_plotted_only_where_it_is_alone():
    assert list(timing.rows_to_plot(Measured(ROWS, "ms"))) == ["ours", "torch"]
    alone = Measured({PRODUCT_NAME: ROWS[PRODUCT_NAME]}, "ms")
    assert list(timing.rows_to_plot(alone)) == [PRODUCT_NAME]


def test_the_best_of_several_peers_is_named():
    rows = {
        "ours": Timing(90.0, low=90.0, high=90.0),
        "torch, eager": Timing(100.0, low=100.0, high=100.0),
        "torch, compiled": Timing(80.0, low=80.0, high=80.0),
    }
    *_, last = timing.report_lines(Measured(rows, "ms"), ENVIRONMENT)
    assert "compiled" in last and "ours" in last and "1.12" in last
    assert len(timing.report_lines(Measured(ROWS, "ms"), ENVIRONMENT)) == 1 + len(ROWS)

"""What was measured, as lines and as a record."""

import json
import re

import pytest

from paddle_alexnet.benchmark import kinds, report, settings
from paddle_alexnet.benchmark.kinds import PRODUCT_NAME, Measured
from paddle_alexnet.benchmark.timing import Spread

ENVIRONMENT = {
    "machine": {"cores": 2, "processor": "a processor"},
    "packages": {"paddlepaddle": "3.3.1", "torch": "2.13.0", "numpy": "2.0"},
    "commit": "0123456789abcdef+changes",
}
ROWS = {
    "ours": Spread(100.0, low=90.0, high=110.0),
    "torch": Spread(200.0, low=190.0, high=260.0),
    PRODUCT_NAME: Spread(10.0, low=9.0, high=11.0),
}


def test_machine_versions_and_commit_come_first():
    head, *_ = report.report_lines(Measured(ROWS, "ms", {}), ENVIRONMENT)
    assert head == (
        "2 cores of a processor; paddlepaddle 3.3.1, torch 2.13.0; commit 0123456+changes"
    )


def test_a_commit_that_is_not_known():
    head, *_ = report.report_lines(Measured(ROWS, "ms", {}), {**ENVIRONMENT, "commit": None})
    assert head.endswith("commit unknown")


def test_ratios_are_to_torch():
    _, *lines = report.report_lines(Measured(ROWS, "MiB", {}), ENVIRONMENT)
    assert [line.split()[-1] for line in lines] == ["0.50", "1.00", "0.05"]
    assert "100.0 MiB (90.0 to 110.0)" in lines[0]


def test_without_torch_ratios_are_to_the_first():
    rows = {"a": Spread(4.0, 3.0, 5.0), "b": Spread(6.0, 5.0, 7.0)}
    _, *lines = report.report_lines(Measured(rows, "ms", {}), ENVIRONMENT)
    assert [line.split()[-1] for line in lines] == ["1.00", "1.50"]


def test_rates_and_shares_of_the_rate_of_matrices():
    """4e10 operations in 0.1 s are 400 GFLOP/s; 1e10 in 0.01 s are 1,000."""
    operations = {"ours": 4e10, "torch": 4e10, PRODUCT_NAME: 1e10}
    _, *lines = report.report_lines(Measured(ROWS, "ms", operations), ENVIRONMENT)
    assert re.search(r"  400 GFLOP/s, +40% of matrices$", lines[0])
    assert re.search(r"  200 GFLOP/s, +20% of matrices$", lines[1])
    assert re.search(r" 1000 GFLOP/s, +100% of matrices$", lines[2])


def test_the_matrices_alone_have_a_rate_and_no_share():
    rows = {PRODUCT_NAME: ROWS[PRODUCT_NAME]}
    _, line = report.report_lines(Measured(rows, "ms", {PRODUCT_NAME: 1e10}), ENVIRONMENT)
    assert line.endswith("1000 GFLOP/s")


def test_the_record_is_json():
    record = report.record(Measured(ROWS, "ms", {}), ENVIRONMENT, {"what": "train"})
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


def test_matrices_are_drawn_where_they_are_alone():
    assert list(report.nets_rows(Measured(ROWS, "ms", {}))) == ["ours", "torch"]
    alone = Measured({PRODUCT_NAME: ROWS[PRODUCT_NAME]}, "ms", {})
    assert list(report.nets_rows(alone)) == [PRODUCT_NAME]


def test_every_kind_that_can_be_asked_for_can_be_measured():
    assert list(kinds.KINDS) == list(settings.KINDS)
    assert set(settings.COMPARED) < set(settings.KINDS)


def test_operations_of_the_product(tmp_path):
    asked = settings.Settings(
        model="alexnet_owt",
        batch=2,
        rounds=1,
        turn_seconds=0.0,
        against_torch=False,
        as_published=False,
        pictures=None,
        scratch=tmp_path,
    )
    measured = kinds.measure("gemm", asked)
    assert measured.operations == pytest.approx({PRODUCT_NAME: 2 * 384 * 2304 * 5408})
    assert list(measured.rows) == [PRODUCT_NAME]

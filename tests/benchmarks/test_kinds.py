"""The table of what can be measured."""

import re

import pytest

from benchmarks.kinds import KINDS, Settings
from benchmarks.timing import PRODUCT_NAME, report_lines

ENVIRONMENT = {"machine": {"cores": 2, "processor": "p"}, "packages": {}, "commit": None}


def test_the_matrix_product_has_a_rate(tmp_path):
    settings = Settings(model="alexnet_owt", batch=2, rounds=1, turn_seconds=0.0)
    measured = KINDS["gemm"].measure(settings, tmp_path)
    assert measured.operations == pytest.approx({PRODUCT_NAME: 2 * 384 * 2304 * 5408})
    assert list(measured.rows) == [PRODUCT_NAME]
    assert re.search(r" \d+ GFLOP/s$", report_lines(measured, ENVIRONMENT)[-1])

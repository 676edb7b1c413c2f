"""The table of what can be measured."""

import re

import pytest

from benchmarks import kinds
from benchmarks.kinds import KINDS, Settings
from benchmarks.timing import PRODUCT_NAME, report_lines
from paddle_alexnet import MODELS

ENVIRONMENT = {"machine": {"cores": 2, "processor": "p"}, "packages": {}, "commit": None}


def test_the_matrix_product_has_a_rate(tmp_path):
    settings = Settings(model="alexnet_owt", batch=2, rounds=1, turn_seconds=0.0)
    measured = KINDS["gemm"].measure(settings, tmp_path)
    assert measured.operations == pytest.approx({PRODUCT_NAME: 2 * 384 * 2304 * 5408})
    assert list(measured.rows) == [PRODUCT_NAME]
    assert re.search(r" \d+ GFLOP/s$", report_lines(measured, ENVIRONMENT)[-1])


@pytest.mark.parametrize(("kind", "unit"), [("nets", "ms"), ("nets-memory", "MiB")])
def test_nets_have_a_row_each(tmp_path, monkeypatch, kind, unit):
    monkeypatch.setattr(kinds, "PHOTO_NETS", ["cifar_13pct", "cifar_18pct"])
    measured = KINDS[kind].measure(Settings(batch=2, rounds=1, turn_seconds=0.0), tmp_path)
    assert list(measured.rows) == ["cifar_13pct", "cifar_18pct"]
    assert measured.unit == unit
    assert all(row.median > 0 for row in measured.rows.values())


def test_nets_for_photos_are_all_but_those_for_cifar():
    assert {*MODELS} - {*kinds.PHOTO_NETS} == {"cifar_11pct", "cifar_13pct", "cifar_18pct"}

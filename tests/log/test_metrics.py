"""Writing metrics.jsonl, and reading any file of that name."""

import json
import math
import subprocess
import sys

import pytest

from paddle_alexnet.errors import RunError
from paddle_alexnet.log.metrics import append_metrics, read_metrics

ROW = {"epoch": 1, "train/loss": 2.5, "train/top1": 0.25, "val/loss": 2, "val/top1": 0.5}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_appended_records_are_read_back(path):
    rows = [ROW, {**ROW, "val/loss": 0.1 + 0.2}, {**ROW, "lr": 1e-12}]
    for row in rows:
        append_metrics(path, row)
    assert read_metrics(path) == rows
    assert [type(row["epoch"]) for row in read_metrics(path)] == [int] * 3
    with pytest.raises(RunError, match="no"):
        append_metrics(path.parent / "no" / "metrics.jsonl", ROW)


def test_complete_lines_are_read(path):
    rows = [ROW, {**ROW, "epoch": 2, "lr": 0.1}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"epoch": 3, "tr')
    assert read_metrics(path) == rows
    path.write_text("")
    assert read_metrics(path) == []


def test_a_run_that_diverged(path):
    path.write_text(json.dumps({**ROW, "val/loss": math.nan}) + "\n")
    assert math.isnan(read_metrics(path)[0]["val/loss"])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "3",
        "[]",
        "{}",
        "null",
        *(json.dumps({**ROW, key: value}) for key in ROW for value in ("1", None, [1], True, {})),
        *(json.dumps({key: ROW[key] for key in ROW if key != name}) for name in ROW),
        json.dumps({**ROW, "epoch": 10**400}),
        json.dumps(ROW)[:-1] + ', "epoch": 2}',
        "[" * 100_000,
        "\x1b[31m",
    ],
)
def test_lines_that_are_not_metrics_are_named(path, line):
    path.write_text(json.dumps(ROW) + "\n" + line + "\n")
    with pytest.raises(RunError, match=r"line 2 of .*metrics\.jsonl") as caught:
        read_metrics(path)
    assert "\x1b" not in str(caught.value)


def test_a_file_that_is_not_text(path):
    for data in (b"\xff\n", b"\x00\n"):
        path.write_bytes(data)
        with pytest.raises(RunError, match=r"metrics\.jsonl"):
            read_metrics(path)


def test_plots_need_not_wait_for_paddle():
    """Import the modules that tools/plot_run.py needs, in a new process."""
    program = (
        "import sys\n"
        "import paddle_alexnet.figures.plots\n"
        "import paddle_alexnet.log.run_directory\n"
        "import paddle_alexnet.log.metrics\n"
        "assert 'numpy' in sys.modules and 'paddle' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

"""The first command that a newcomer runs."""

import json
import re

import pytest


def test_help_and_mistakes_start_nothing(tool, tmp_path):
    assert "usage" in tool("demo", "--help", cwd=tmp_path).stdout
    assert "--epochs" in tool("demo", "--epochs", 3, cwd=tmp_path, code=2).stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_demo_learns_and_names_what_it_wrote(tool, tmp_path):
    out = tool("demo", cwd=tmp_path).stdout
    run = tmp_path / "runs" / "quickstart"
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert max(row["val/top1"] for row in rows) >= 0.8
    for path in (r"runs/quickstart/best\.safetensors", "runs/quickstart/images"):
        assert re.search(rf": +{path}$", out, re.MULTILINE)
    assert "board.py --logdir runs" in out
    assert len(list((run / "images").iterdir())) == 6

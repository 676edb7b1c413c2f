"""tools/claims.py from the command line, with a net of 32 x 32 pixels on drawn flowers."""

import json
import re

import pytest

CLAIM = """
title: A norm helps
config: base.yml
seeds: [0, 1]
arms:
  norm: {}
  none:
    set: [model.changes.norm=none]
comparisons:
  - better: [norm]
    than: [none]
    paper: "none"
"""
BASE = """
data: {root: ROOT, split: random, val_rate: 0.25}
model: {name: cifar_18pct, width: 0.25, init: he, lrn: fused}
train: {epochs: 1, batch_size: 16, device: cpu}
log: {level: basic}
"""


@pytest.fixture
def claim(tmp_path, flowers):
    (tmp_path / "base.yml").write_text(BASE.replace("ROOT", str(flowers)))
    (tmp_path / "tiny.yml").write_text(CLAIM)
    return tmp_path / "tiny.yml"


@pytest.mark.slow
def test_run_judge_and_run_again(tool, claim, tmp_path):
    words = [claim, "--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    done = tool("claims", *words, "--seeds", 0, 1)
    assert "verdict: " in done.stdout
    content = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert content["arms"]["none"]["count"] == 2
    assert sum(map(len, content["made_with"].values())) == 4
    assert (tmp_path / "out" / "tiny.png").read_bytes().startswith(b"\x89PNG")
    part = tool("claims", *words, "--arms", "norm", "--seeds", 0)  # nothing is missing
    assert part.stdout == done.stdout
    again = tool("claims", *words, "--no-runs")
    assert done.stdout.endswith(again.stdout)
    assert "epoch 1" not in again.stderr
    assert "train.epochs" in tool("claims", *words, "-o", "train.epochs=2", code=1).stderr


@pytest.mark.slow
def test_an_arm_that_diverges_stops_no_other(tool, claim, tmp_path):
    text = claim.read_text()
    claim.write_text(text.replace("model.changes.norm=none", "optimizer.lr=1.0e+30"))
    done = tool("claims", claim, "--runs", tmp_path / "runs", "--seeds", 0, code=1)
    assert "none-0" in done.stderr
    assert "diverged with the seeds 0" in done.stdout
    again = tool("claims", claim, "--runs", tmp_path / "runs", "--seeds", 0, code=1)
    assert "none-0 has diverged" in again.stderr
    assert again.stdout == done.stdout
    assert json.loads((tmp_path / "runs" / "tiny" / "tiny.json").read_text())["arms"]["norm"]


@pytest.mark.slow
def test_nothing_run_yet(tool, claim, tmp_path):
    done = tool("claims", claim, "--runs", tmp_path / "runs", "--no-runs")
    assert "not run yet" in done.stdout
    assert list((tmp_path / "runs" / "tiny").iterdir()) == []


@pytest.mark.slow
def test_a_damaged_run_does_not_hide_the_others(tool, claim, tmp_path):
    words = ["claims", claim, "--runs", tmp_path / "runs"]
    tool(*words)
    (tmp_path / "runs" / "tiny" / "none-0" / "metrics.jsonl").write_text("damaged\n")
    done = tool(*words, "--no-runs")
    assert "none-0 is left out" in done.stderr
    assert re.search(r"^norm +2 ", done.stdout, re.MULTILINE)


def test_list_and_mistakes(tool, claim, tmp_path):
    assert "figure1: " in tool("claims", "--list").stdout
    assert "figure1, init" in tool("claims", "no", code=2).stderr
    assert "no.yml" in tool("claims", tmp_path / "no.yml", code=2).stderr
    assert "norm, none" in tool("claims", claim, "--arms", "x", code=2).stderr
    words = ["claims", claim, "--no-runs", "--runs", tmp_path / "runs"]
    wrong = tool(*words, "-o", "train.epoch=5", code=2)
    assert "did you mean train.epochs" in wrong.stderr
    assert not (tmp_path / "runs").exists()

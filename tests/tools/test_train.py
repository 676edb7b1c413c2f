"""tools/train.py from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paddle_alexnet.config.load import describe_keys, read_config

TOOLS = Path(__file__).parents[2] / "tools"
CONFIG = TOOLS.parent / "configs" / "quickstart.yml"


def test_a_run(trained):
    out, err = ((trained / f"std{x}.txt").read_text() for x in ("out", "err"))
    assert f"weights: {trained / 'best.safetensors'}" in out
    assert err.count("\nepoch 1/1:") + err.startswith("epoch 1/1:") == 1
    assert "OMP_NUM_THREADS" not in err
    environment = json.loads((trained / "environment.json").read_text())
    assert environment["cpu_speed"]["late"] is False
    names = {p.name for p in trained.iterdir()} - {"stdout.txt", "stderr.txt"}
    assert names == {
        ".lock",
        "best.safetensors",
        "class_index.json",
        "config.yml",
        "environment.json",
        "metrics.jsonl",
        "state.safetensors",
        "vdlgraph.main.log",
        "vdlrecords.main.log",
    }


def test_help_lists_every_key(tool):
    out = tool("train", "--help").stdout
    for key, _, meaning in describe_keys():
        assert f"  {key} [" in out
        assert meaning in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "required"),
        (["-c", "no.yml"], 2, "no.yml"),
        (["-c", CONFIG, "-o", "train.epoch=3"], 2, "did you mean train.epochs"),
        (["-c", CONFIG, "-o", "data.prepare=none", "-o", "data.root=no"], 1, "not a folder"),
        (["-c", CONFIG, "-o", "train.device=gpu:99"], 2, "GPU"),
        (["-c", CONFIG, "-o", "model.pretrained=no.safetensors"], 1, "no.safetensors"),
        (["--resume", "no"], 1, "not the directory of a run"),
        (["--resume", ""], 1, "the directory of the run is ''"),
    ],
)
def test_mistakes(tool, tmp_path, flowers, words, code, message):
    if "-o" in words and not any("data.root" in str(w) for w in words):
        words = [*words, "-o", f"data.root={flowers}"]
    done = tool("train", *words, cwd=tmp_path, code=code)
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()


def test_weights_that_are_damaged(tool, trained, flowers, tmp_path):
    (tmp_path / "w.safetensors").write_bytes((trained / "best.safetensors").read_bytes()[:5000])
    words = ["-o", f"data.root={flowers}", "-o", "model.pretrained=w.safetensors"]
    done = tool("train", "-c", CONFIG, *words, cwd=tmp_path, code=1)
    assert "damaged" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process instead of signalling it")
@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)],
)
def test_a_signal_saves_and_the_run_goes_on(
    tool, trained, flowers, environment, tmp_path, number, code
):
    run = tmp_path / "run"
    words = ["-c", CONFIG, "-o", f"data.root={flowers}", "-o", f"run.dir={run}"]
    words += ["-o", "train.epochs=2", "-o", "train.batch_size=1", "-o", "train.log_every_steps=1"]
    words += ["-o", "model.width=0.25"]  # an epoch long enough to be stopped in, a small state
    process = subprocess.Popen(
        [sys.executable, TOOLS / "train.py", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log = run / "vdlrecords.main.log"
    deadline = time.monotonic() + 120
    while not (log.exists() and b"2-step/loss" in log.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == code, out
    assert f"--resume {run}" in out
    assert (run / "state.safetensors").exists()
    assert not (run / "metrics.jsonl").exists()
    done = tool("train", "--resume", run)
    assert "best val top-1" in done.stdout
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_run_is_made_longer(tool, flowers, tmp_path):
    words = ["-o", f"data.root={flowers}", "-o", "train.epochs=1", "-o", "model.width=0.03"]
    run = tmp_path / "run"
    tool("train", "-c", CONFIG, *words, "-o", f"run.dir={run}")
    done = tool("train", "--resume", run, "-o", "optimizer.lr=0.5", code=2)
    assert "optimizer.lr" in done.stderr
    tool("train", "--resume", run, "-o", "train.epochs=2")
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2
    assert read_config(run / "config.yml").train.epochs == 2
    # It is that of the run now.
    tool("train", "--resume", run, "-o", "train.epochs=3")
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 3
    assert "done already; -o train.epochs=N" in tool("train", "--resume", run).stdout

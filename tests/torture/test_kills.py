"""Runs killed with SIGKILL at random moments end like a run that was not killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from visualdl import LogReader

from paddle_alexnet.storage.tensors import read_tensors

TRAIN = Path(__file__).parents[2] / "tools" / "train.py"
# Together: every kind of compiled step, loading, cache, optimizer, schedule, augmentation, norm and
# init.
CONFIGS = {
    "graph": {
        "augment": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1},
        "model": {"name": "alexnet", "init": "he_small_head"},
        "train": {"label_smoothing": 0.1},
        "optimizer": {"nesterov": True, "weight_decay": 5e-4, "clip_norm": 5.0, "average": 0.98},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
    },
    "workers": {
        "data": {"workers": 2},
        "augment": {"crop": "random", "color_noise": "paper"},
        "model": {"name": "alexnet_owt", "init": "torch"},
        "train": {"compile": "none", "accumulate_steps": 2, "batch_size": 4},
        "optimizer": {"lr": 0.001, "name": "adam"},
        "schedule": {"name": "plateau", "patience": 0},
    },
    # To the end of its schedule with one step an epoch: all drops, noise off, conv1 frozen.
    "2012": {
        "data": {"mean": "image"},
        "augment": {"crop": "random", "color_noise": "krizhevsky2012"},
        "model": {"name": "alexnet_2012", "init": "krizhevsky2012"},
        "train": {"compile": "static", "epochs": 82, "batch_size": 64},
        "optimizer": {"name": "krizhevsky2012", "weight_decay": 5e-4, "average": 0.9},
        "schedule": {"name": "epochs2012"},
    },
    "caffe": {
        "data": {"workers": 2, "split": "random"},
        "model": {"name": "alexnet_caffe", "init": "caffe"},
        "train": {"compile": "none"},
        "optimizer": {"bias_lr": "double", "weight_decay": 5e-4, "decay_biases": True},
        "schedule": {"name": "step", "milestones": [2, 4]},
    },
    "published": {
        "data": {"cache": "ram"},
        "model": {"name": "alexnet_pad2", "init": "kaiming_pad2", "lrn": "avgpool3d"},
        "train": {},
        "optimizer": {"clip_norm": 1.0},
        "schedule": {"name": "plateau"},
    },
    "paper": {
        "data": {"cache": "ram"},
        "augment": {"crop": "random", "color_noise": "paper"},
        "model": {"name": "alexnet_paper", "init": "paper", "lrn": "builtin"},
        "train": {"compile": "none", "on_nonfinite": "skip"},
        "optimizer": {"weight_decay": 5e-4},
        "schedule": {"name": "plateau", "patience": 0},
    },
    "towers": {
        "data": {"workers": 1},
        "model": {"name": "caffenet", "init": "he"},
        "train": {"compile": "onednn", "accumulate_steps": 2, "batch_size": 4},
        "optimizer": {"lr": 1e-4, "nesterov": True, "average": 0.5},
        "schedule": {"name": "cosine"},
    },
}
# What every run has where its row does not say otherwise.
COMMON = {
    "model": {"width": 0.03, "lrn": "fused"},
    "train": {
        "epochs": 5,
        "batch_size": 8,
        "device": "cpu",
        "save_every_steps": 2,
        "log_every_steps": 3,
    },
}
FIGURES = ("epoch", "step", "lr", "train/loss", "train/top1", "val/loss", "val/top1")


@pytest.fixture
def train(tmp_path, flowers):
    """A function that starts ``tools/train.py`` on a run of tmp_path, new or begun."""

    def start(name, run):
        sections = CONFIGS[name] | {"run": {"dir": str(run)}}
        for section, keys in COMMON.items():
            sections[section] = keys | sections[section]
        places = {"root": str(flowers)}
        sections["data"] = places | sections.get("data", {})
        config = tmp_path / f"{name}.yml"
        config.write_text(yaml.safe_dump(sections))
        begun = (run / "config.yml").exists()
        words = ["--resume", str(run)] if begun else ["-c", str(config)]
        return subprocess.Popen(
            [sys.executable, str(TRAIN), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(process):
    """Wait for the end; the seconds from the start of training to it."""
    process.stdout.readline()
    start = time.perf_counter()
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return time.perf_counter() - start


def content(run):
    """All that must not depend on kills: weights to the bit, and what was logged but for times."""
    arrays, state = read_tensors(run / "state.safetensors")
    progress = json.loads(state["progress"])
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    reader = LogReader(file_path=str(run / "vdlrecords.main.log"))
    curves = {
        tag: [(p.id, p.value) for p in reader.get_data("scalar", tag)]
        for tag in ("2-step/loss", "2-step/top1", "2-step/lr", "1-epoch/top1_val")
    }
    panels = [(p.id, p.image.encoded_image_string) for p in reader.get_data("image", "images/val")]
    files = {name: (run / name).read_bytes() for name in ("best.safetensors", "config.yml")}
    figures = [[row[key] for key in FIGURES] for row in rows]
    return arrays, (progress, state["schedule"], figures, curves, panels), files


def differing_bytes(run, whole):
    (arrays, logged, files), (want, want_logged, want_files) = content(run), content(whole)
    assert arrays.keys() == want.keys()
    assert logged == want_logged
    number = sum(
        int((np.frombuffer(a.tobytes(), np.uint8) != np.frombuffer(b.tobytes(), np.uint8)).sum())
        for a, b in ((arrays[name], want[name]) for name in arrays)
    )
    for name, data in files.items():
        if name != "config.yml":  # which names the run's own directory
            number += sum(x != y for x, y in zip(data, want_files[name], strict=True))
    return number


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
# The others are in .ci/run and in make torture.
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "graph" else pytest.mark.slow) for n in CONFIGS],
)
def test_killed_runs_end_as_whole_ones(train, tmp_path, name, amount, count):
    kills = amount(2 if name in ("graph", "workers") else 0, 10)
    if not kills:
        pytest.skip("in the full form only")
    rng = random.Random(name)
    whole = tmp_path / "whole"
    # So that the kills are spread over the run, whatever the machine takes for it.
    span = 2 * finish(train(name, whole)) / kills
    again = tmp_path / "again"
    finish(train(name, again))
    assert differing_bytes(again, whole) == 0
    run = tmp_path / "run"
    for number in range(kills):
        process = train(name, run)
        if number % 5 == 4:
            time.sleep(rng.uniform(0, 6))  # at the start
        else:
            process.stdout.readline()  # training begins
            time.sleep(rng.uniform(0, span))
        process.kill()
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            count("SIGKILLs")
        else:
            assert process.returncode == 0
    finish(train(name, run))
    number = differing_bytes(run, whole)
    count("differing bytes after kills", number)
    count("runs that were killed and compared")
    assert number == 0
    assert not list(run.glob(".*.part"))

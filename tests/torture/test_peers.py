"""Two processes that train together, of which one is killed: one line, and the last state whole."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.ranks import free_ends, variables_of_two
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.training.checkpoint import read_checkpoint

TOP = Path(__file__).parents[2]
CONFIG = {
    "model": {"width": 0.02, "lrn": "fused"},
    "train": {"batch_size": 10, "device": "cpu", "compile": "none", "save_every_steps": 1},
    "schedule": {"name": "cosine"},
}
NETS = {"data": "alexnet", "towers": "alexnet_2012"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="gloo was tried on Linux only")


@pytest.fixture
def start(tmp_path, flowers):
    """A function that starts both ranks of a run, new or begun, as a launcher would."""

    def start(run, epochs, parallel):
        values = {section: dict(keys) for section, keys in CONFIG.items()}
        values["model"]["name"] = NETS[parallel]
        values["train"] |= {"epochs": epochs, "parallel": parallel}
        values |= {"data": {"root": str(flowers)}, "run": {"dir": str(run)}}
        (tmp_path / "config.yml").write_text(yaml.safe_dump(values))
        begun = (run / "config.yml").exists()
        words = ["--resume", run] if begun else ["-c", tmp_path / "config.yml"]
        ends = free_ends()
        ranks = []
        for rank in (0, 1):
            variables = {**variables_of_two(rank, ends), "PYTHONPATH": str(TOP)}
            ranks.append(
                subprocess.Popen(
                    [sys.executable, *map(str, [TOP / "tools" / "train.py", *words])],
                    env={**os.environ, **variables},
                    stdout=subprocess.DEVNULL,
                    stderr=open(tmp_path / f"rank{rank}.txt", "w"),  # noqa: SIM115 # the child's
                )
            )
        return ranks

    return start


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["data", "towers"])
def test_a_killed_rank_is_named_by_the_other(tmp_path, start, amount, count, parallel):
    """Killed at random moments, either rank in turn; then the run goes on to the same weights."""
    rng, kills, epochs = random.Random(0), amount(2, 20), amount(3, 12)
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert [rank.wait(300) for rank in start(whole, epochs, parallel)] == [0, 0]
    done = 0
    while done < kills:
        ranks = start(run, epochs, parallel)
        killed, other = done % 2, 1 - done % 2
        before = saved(run)
        while saved(run) == before and ranks[other].poll() is None:  # they have met
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        ranks[killed].send_signal(signal.SIGKILL)
        codes = [rank.wait(120) for rank in ranks]
        if codes[killed] == 0:  # too late: the run was at its end
            run = tmp_path / f"run{done}"
            continue
        text = (tmp_path / f"rank{other}.txt").read_text()
        assert codes[other] == 1, text
        assert "Traceback" not in text
        (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
        assert re.search(rf"rank {killed} of 2 .* rank {other} stops.*--resume {run}$", line)
        # Raises where none is whole. Rank 0 may be killed between moving the last one aside and
        # writing the next.
        read_checkpoint(RunDirectory(run))
        done += 1
    count(f"kills of one of two ranks ({parallel}), named by the other in one line", kills)
    assert [rank.wait(300) for rank in start(run, epochs, parallel)] == [0, 0]
    want, got = (read_checkpoint(RunDirectory(path)).arrays for path in (whole, run))
    assert want.keys() == got.keys()
    differing = [name for name in want if not np.array_equal(want[name], got[name])]
    assert differing == []
    count("differing arrays of such a run from one without kills", len(differing))


def saved(run):
    """Changes with every checkpoint."""
    state = run / "state.safetensors"
    return state.stat().st_ino if state.exists() else None

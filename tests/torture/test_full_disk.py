"""Full disks: early, late and at every write of a run; then there is room again."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.tensors import read_tensors

PROGRAM = Path(__file__).with_name("writes_program.py")
TRAIN = Path(__file__).parents[2] / "tools" / "train.py"
CONFIG = TRAIN.parents[1] / "configs" / "quickstart.yml"
SETTINGS = (
    *("model.width=0.03", "train.epochs=3", "train.batch_size=8", "train.save_every_steps=3"),
    *("train.device=cpu", "optimizer.average=0.9"),
)


@contextlib.contextmanager
def disk(path, kib):
    """A file system in memory at ``path``."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(path)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only the superuser can mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def train(flowers, run):
    """One start of the tool; its exit code and what it says."""
    words = ["-c", str(CONFIG), "-o", f"data.root={flowers}", "-o", f"run.dir={run}"]
    words += [word for setting in SETTINGS for word in ("-o", setting)]
    if (run / "config.yml").exists():
        words = ["--resume", str(run)]
    done = subprocess.run(
        [sys.executable, str(TRAIN), *words], capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.slow
def test_no_good_state_is_lost(flowers, tmp_path, amount, count):
    whole = tmp_path / "whole"
    code, said = train(flowers, whole)
    assert code == 0, said
    want, _ = read_tensors(whole / "state.safetensors")
    used = sum(path.stat().st_size for path in whole.iterdir())
    # Beside two generations of the state, a third is being written.
    top = (used + (whole / "state.safetensors").stat().st_size) // 1024 + 64
    sizes = np.geomspace(4, top, amount(3, 60)).astype(int)
    failed = 0
    for number, size in enumerate(sizes):
        place = tmp_path / f"disk{number}"
        run = place / "run"
        with disk(place, size):
            code, said = train(flowers, run)
            count("runs on a disk that was too small or just large enough")
            if code:
                failed += 1
                assert code == 1
                assert "error: cannot" in said.splitlines()[-1], said
                assert str(run) in said.splitlines()[-1]
            states = [run / f"state{x}.safetensors" for x in ("", ".previous")]
            there = [path for path in states if path.exists()]
            for path in there:
                try:
                    read_tensors(path)
                except WeightsError:
                    count("good checkpoints lost")
                    raise
            subprocess.run(
                ["mount", "-o", f"remount,size={4 * top}k", str(place)], check=True
            )  # room again
            begun = bool(there)
            code, said = train(flowers, run)
            assert code == 0, said
            if begun:
                count("of them resumed from a checkpoint")
            got, _ = read_tensors(run / "state.safetensors")
            assert all(np.array_equal(got[name], want[name]) for name in want)
            assert (run / "best.safetensors").read_bytes() == (
                whole / "best.safetensors"
            ).read_bytes()
    count("of them stopped by the full disk", failed)
    assert failed > 0.5 * len(sizes)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bounds")
@pytest.mark.parametrize(
    "how",
    [
        pytest.param("disk", marks=pytest.mark.slow),
        "limit",
        pytest.param("once", marks=pytest.mark.slow),
    ],
)
def test_full_at_every_write(flowers, tmp_path, how, amount, count):
    """No file can grow from the n-th write of a run on, for each n; then the run is resumed.

    With ``disk`` the kernel reports a full disk, where the write needs a page more. With ``limit``
    it reports a file that is too large, for every byte; with ``once`` there is room again for what
    comes after that write. The program compares the results with those of an undisturbed run.
    """
    place = tmp_path / "place"
    if how != "disk":
        place.mkdir()
    with disk(place, 256 << 10) if how == "disk" else contextlib.nullcontext():
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(flowers), str(place), how, "1", amount("13", "1")],
            cwd=PROGRAM.parents[2],
            env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])},
            capture_output=True,
            text=True,
            timeout=1200,
        )
    assert done.returncode == 0, done.stderr
    first, *results = map(json.loads, done.stdout.splitlines())
    assert len(results) == len(range(1, first["writes"] + 1, amount(13, 1))) >= 4
    failed = [result for result in results if result["failed"]]
    assert len(failed) > 0.5 * len(results)
    assert any(result["state"] for result in failed)
    count(f"writes of a run at which it was full ({how})", len(results))
    count(f"of them that stopped the run ({how})", len(failed))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="an open folder cannot be removed on Windows")
def test_a_folder_removed_during_a_run(flowers, tmp_path):
    run = tmp_path / "run"
    words = ["-c", str(CONFIG), "-o", f"data.root={flowers}", "-o", f"run.dir={run}"]
    words += [word for setting in SETTINGS for word in ("-o", setting)]
    process = subprocess.Popen(
        [sys.executable, str(TRAIN), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    shutil.rmtree(run)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert said.splitlines()[-1].startswith(f"error: cannot write {run}"), said
    assert not run.exists()

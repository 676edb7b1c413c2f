"""The memory of a training process does not grow."""

import ctypes
import gc
import os
from pathlib import Path

import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.training.train import Interrupted, open_run

STATUS = Path("/proc/self/statm")
GLIBC = STATUS.exists() and hasattr(ctypes.CDLL(None), "malloc_trim")


def resident():
    """Resident memory of this process in bytes.

    Memory that was freed and is only kept for reuse is given back first: it varies by 30 MB from
    one step to the next and is no leak.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not GLIBC, reason="needs /proc and glibc")
@pytest.mark.slow
@pytest.mark.parametrize("compiled", ["none", "auto"])
def test_memory_is_flat_over_500_steps(flowers, tmp_path, compiled, count):
    config = make_config(
        {
            "data": {"root": str(flowers)},
            "model": {"name": "alexnet", "width": 0.03, "lrn": "fused"},
            "train": {
                "epochs": 999,
                "batch_size": 2,
                "compile": compiled,
                "device": "cpu",
                "save_every_steps": 50,
            },
            "optimizer": {"average": 0.9, "lr": 1e-4, "clip_norm": 1.0},
            "run": {"dir": str(tmp_path / "run")},
        }
    )
    sizes = {}
    run = open_run(config, should_stop=lambda: run.state.step >= 600)
    advance = run.log.advance

    def measure(images):
        advance(images)
        if run.state.step in (100, 600):
            sizes[run.state.step] = resident()

    run.log.advance = measure
    with pytest.raises(Interrupted):
        run.fit()
    growth = sizes[600] - sizes[100]
    count(f"KiB grown over 500 steps, compile {compiled}", growth // 1024)
    # A leak of one batch a step would be 600 MB; flat is under 2 MB.
    assert growth < 8 * 2**20

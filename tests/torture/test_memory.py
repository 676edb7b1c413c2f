"""Training does not grow."""

import ctypes
import gc
import os
from pathlib import Path

import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.training.assembly_old import assemble
from paddle_alexnet.training.loop import Interrupted

STATUS = Path("/proc/self/statm")
GLIBC = STATUS.exists() and hasattr(ctypes.CDLL(None), "malloc_trim")


def resident():
    """Bytes of this process in memory that are in use.

    What was freed and is only kept for later is handed back first: it comes and goes by 30 MB from
    one update to the next, and says nothing of a leak.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not GLIBC, reason="only Linux with glibc tells it so")
@pytest.mark.parametrize("compiled", ["none", "auto"])
def test_memory_is_flat_over_500_updates(flowers, tmp_path, compiled, count):
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
        }
    )
    sizes = {}
    trainer, _ = assemble(
        config,
        lambda: RunDirectory.create(tmp_path / "run", "x"),
        should_stop=lambda: trainer.progress.step >= 600,
    )
    trainer.callbacks[1].on_update = lambda trainer, images: sizes.update(
        {trainer.progress.step: resident() if trainer.progress.step in (100, 600) else 0}
    )
    with pytest.raises(Interrupted):
        trainer.fit()
    growth = sizes[600] - sizes[100]
    count(f"KiB grown over 500 updates, compile {compiled}", growth // 1024)
    # A leak of one batch an update would be 600 MB; flat is under 2 MB.
    assert growth < 8 * 2**20

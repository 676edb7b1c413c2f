"""From the start of Python to the first update of a training, stage by stage, in new processes."""

import contextlib
import tempfile
import time
from pathlib import Path

from paddle_alexnet.benchmark.processes import in_new_process, load_paddle_quietly
from paddle_alexnet.benchmark.timing import Spread

ALL = "all, to the first update"


def time_start(root: str | Path, model: str, batch: int, *, rounds: int) -> dict[str, Spread]:
    """Start a training several times, each in a process of its own.

    Args:
        root: Folder of pictures.
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        batch: Pictures an update.
        rounds: Measured starts, >= 1, after one that is not.

    Returns:
        The whole first, then its stages; and the second update, as the first compiles the graph.
    """
    starts = [_start(str(root), model, batch) for _ in range(1 + rounds)][1:]
    return {name: Spread.of([1e3 * start[name] for start in starts]) for name in starts[0]}


def _start(root: str, model: str, batch: int) -> dict[str, float]:
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        ends = in_new_process(_train, root, model, batch, folder)
    stages, last = {}, began
    for name, end in ends.items():
        stages[name], last = end - last, end
    return {ALL: ends["first update"] - began, **stages}


def _train(root: str, model: str, batch: int, folder: str) -> dict[str, float]:
    """What tools/train.py does, with the time at the end of each stage."""
    ends = {"Python": time.time()}
    from paddle_alexnet.runtime.cpu import speed_up

    speed_up()
    from paddle_alexnet.config.load import make_config

    config = make_config(
        {
            "data": {"root": root},
            "model": {"name": model, "lrn": "fused"},
            "train": {"batch_size": batch, "device": "cpu"},
        }
    )
    ends["configuration"] = time.time()
    load_paddle_quietly()
    ends["import of Paddle"] = time.time()
    from paddle_alexnet.log.run_directory import RunDirectory
    from paddle_alexnet.run import assembly
    from paddle_alexnet.training.callbacks import Callback
    from paddle_alexnet.training.loop import Interrupted, Trainer

    ends["other imports"] = time.time()

    class Clock(Callback):
        def on_update(self, trainer: Trainer, images: int) -> None:
            ends["first update" if trainer.progress.step == 1 else "second update"] = time.time()

    trainer, _ = assembly.assemble(
        config,
        lambda: RunDirectory.create(str(Path(folder) / "run"), "start"),
        should_stop=lambda: "second update" in ends,
    )
    trainer.callbacks = [*trainer.callbacks[:1], Clock()]  # the first is part of an update
    ends["pictures and net"] = time.time()
    with contextlib.suppress(Interrupted):
        trainer.fit()
    return ends

"""Measurements in new processes, which hold nothing of this one: memory and start of training.

A spawned process imports by module name; it inherits ``sys.path``, and with it the folder of the
tools, from the program that starts it.
"""

import contextlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.timing import Timing

if TYPE_CHECKING:
    from paddle_alexnet.config.schema import Config
    from paddle_alexnet.nets.registry import Model

Result = TypeVar("Result")
# By then no process grows any more: torch's over 12 steps, ours by less than a hundredth from the
# fifth to the eighth (measured).
MEMORY_STEPS = 8
ALL = "all, to the first step"


def in_new_process(function: Callable[..., Result], *args: object) -> Result:
    """Call a function of a module in a new process and return its result.

    Raises:
        Exception: What the function raises.
    """
    context = multiprocessing.get_context("spawn")  # a fork would carry this process's memory
    pool = context.Pool(1)
    try:
        return pool.apply(function, args)
    finally:
        # Not terminate(), as leaving a with block does: Paddle reports the signal as a crash.
        pool.close()
        pool.join()


def peaks_of_training(
    cases: Mapping[str, tuple[str, bool]], model: str, row: "Model", batch: int, *, rounds: int
) -> dict[str, Timing]:
    """Largest resident memory of processes that train for a few steps, MiB.

    It differs by a tenth from one process to the next, as freed memory is reused in another order.

    Args:
        cases: By name, ``paddle`` or ``torch``, and whether freed memory is given back after the
            first steps, as training here does: :func:`paddle_alexnet.runtime.cpu.hand_back_after`.
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`, for Paddle.
        row: Its entry of the registry, for torch, whose process must not load Paddle.
        batch: Images a step.
        rounds: Processes of each case, in turn, >= 1.
    """
    peaks: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (library, giving_back) in cases.items():
            peaks[name].append(in_new_process(_peak, library, giving_back, model, row, batch))
    return {name: Timing.of(values) for name, values in peaks.items()}


def _peak(library: str, giving_back: bool, model: str, row: "Model", batch: int) -> float:
    import resource  # not on Windows

    # Imported here, as each library would be part of the other's memory.
    from paddle_alexnet.runtime.cpu import hand_back_after, speed_up

    speed_up()
    if library == "torch":
        from benchmarks import torch_cases

        step = torch_cases.training_step(row, batch)
    else:
        load_paddle()
        from benchmarks import paddle_cases

        step = paddle_cases.training_step(model, batch, lrn="fused", kind="auto")
    for steps in range(MEMORY_STEPS + 1):
        if steps:
            step()
        if giving_back:
            hand_back_after(steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def time_start(root: str, model: str, batch: int, *, rounds: int) -> dict[str, Timing]:
    """Start a training several times, each in a new process.

    Args:
        root: Folder of images.
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        batch: Images a step.
        rounds: Measured starts, >= 1, after one that is not.

    Returns:
        Milliseconds: the whole way to the first step, its stages, and the second step, as the
        first compiles the graph.
    """
    starts = [_start(root, model, batch) for _ in range(1 + rounds)][1:]
    return {name: Timing.of([1e3 * start[name] for start in starts]) for name in starts[0]}


def _start(root: str, model: str, batch: int) -> dict[str, float]:
    """Seconds by stage."""
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        ends = in_new_process(_start_training, root, model, batch, folder)
    stages, last = {}, began
    for name, end in ends.items():
        stages[name], last = end - last, end
    return {ALL: ends["first step"] - began, **stages}


def _start_training(root: str, model: str, batch: int, folder: str) -> dict[str, float]:
    """Do what tools/train.py does; returns the time at the end of each stage."""
    ends = {"Python": time.time()}
    from paddle_alexnet.runtime.cpu import speed_up

    speed_up()
    from paddle_alexnet.config.load import make_config

    keys: dict[str, Any] = {"data": {"root": root}, "run": {"dir": f"{folder}/run"}}
    keys |= {"model": {"name": model, "lrn": "fused"}}
    keys |= {"train": {"batch_size": batch, "device": "cpu"}}
    config = make_config(keys)
    ends["configuration"] = time.time()
    load_paddle()
    ends["import of Paddle"] = time.time()
    _train_two_steps(config, ends)
    return ends


def _train_two_steps(config: "Config", ends: dict[str, float]) -> None:
    """Add the time at the end of each further stage."""
    from paddle_alexnet.training.train import Interrupted, open_run

    ends["other imports"] = time.time()
    # Asked within a step; the run ends after it.
    run = open_run(config, should_stop=lambda: "first step" in ends)
    ends["data, net and logs"] = time.time()
    step = run.optimizer.step  # the last that is computed in a step

    def timed_step() -> None:
        step()
        ends["second step" if "first step" in ends else "first step"] = time.time()

    run.optimizer.step = timed_step
    with contextlib.suppress(Interrupted):
        run.fit()


def load_paddle() -> None:
    """As the tools do."""
    import _entry

    _entry.load_paddle()

"""Memory of a training step, in processes of its own."""

import multiprocessing
import resource
import sys
from collections.abc import Sequence

from paddle_alexnet.benchmark.timing import Spread

# By then the process of neither library grows any more (measured over 12 updates).
STEPS = 6


def peaks_of_training(
    libraries: Sequence[str], model: str, batch: int, *, rounds: int
) -> dict[str, Spread]:
    """Largest resident memory of processes that train for a few steps, MiB.

    It differs from one process to the next by a tenth: what is freed is used again in another
    order.

    Args:
        libraries: ``paddle``, ``torch``.
        model: A key of :data:`paddle_alexnet.nets.models.MODELS`.
        batch: Images a step.
        rounds: Processes of each, in turn, >= 1.
    """
    peaks: dict[str, list[float]] = {library: [] for library in libraries}
    for _ in range(rounds):
        for library in libraries:
            peaks[library].append(_peak(library, model, batch))
    return {library: Spread.of(values) for library, values in peaks.items()}


def _peak(library: str, model: str, batch: int) -> float:
    context = multiprocessing.get_context("spawn")  # a fork would carry this process's memory
    pool = context.Pool(1)
    try:
        return pool.apply(_train, (library, model, batch))
    finally:
        # Not terminate(), as leaving a with block does: Paddle reports the signal as a crash.
        pool.close()
        pool.join()


def _train(library: str, model: str, batch: int) -> float:
    from paddle_alexnet.runtime.cpu import speed_up, usable_cores

    speed_up()
    if library == "torch":
        from paddle_alexnet.benchmark import torch_peer
        from paddle_alexnet.nets.designs import DESIGNS

        step = torch_peer.training_step(DESIGNS[model], batch, usable_cores())
    else:
        from paddle_alexnet.benchmark import paddle_cases

        step = paddle_cases.training_step(model, batch, lrn="fused", kind="auto")
    for _ in range(STEPS):
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)

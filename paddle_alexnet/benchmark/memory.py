"""Memory of a training step, in a process of its own."""

import multiprocessing
import resource
import sys


def peak_of_training(library: str, model: str, batch: int, steps: int = 4) -> float:
    """Largest resident memory of a process that trains for a few steps, MiB.

    Args:
        library: ``paddle`` or ``torch``.
        model: A key of :data:`paddle_alexnet.nets.models.MODELS`.
        batch: Images a step.
        steps: Updates.
    """
    context = multiprocessing.get_context("spawn")  # a fork would carry this process's memory
    pool = context.Pool(1)
    try:
        return pool.apply(_train, (library, model, batch, steps))
    finally:
        # Not terminate(), as leaving a with block does: Paddle reports the signal as a crash.
        pool.close()
        pool.join()


def _train(library: str, model: str, batch: int, steps: int) -> float:
    from paddle_alexnet.runtime.cpu import speed_up, usable_cores

    speed_up()
    if library == "torch":
        from paddle_alexnet.benchmark import torch_peer
        from paddle_alexnet.nets.designs import DESIGNS

        step = torch_peer.training_step(DESIGNS[model], batch, usable_cores())
    else:
        from paddle_alexnet.benchmark import paddle_cases

        step = paddle_cases.training_step(model, batch, lrn="fused", kind="auto")
    for _ in range(steps):
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)

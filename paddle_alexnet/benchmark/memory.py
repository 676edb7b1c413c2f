"""Memory of a training step, in processes of its own."""

import sys
from collections.abc import Mapping

from paddle_alexnet.benchmark.processes import in_new_process, load_paddle_quietly
from paddle_alexnet.benchmark.timing import Spread

# By then neither process grows any more: torch's over 12 updates, ours by less than a hundredth
# from the fifth to the eighth (measured).
STEPS = 8


def peaks_of_training(
    cases: Mapping[str, tuple[str, bool]], model: str, batch: int, *, rounds: int
) -> dict[str, Spread]:
    """Largest resident memory of processes that train for a few steps, MiB.

    It differs from one process to the next by a tenth: what is freed is used again in another
    order.

    Args:
        cases: By name, ``paddle`` or ``torch``, and whether it gives freed memory back after the
            first steps, as training here does: :func:`paddle_alexnet.runtime.cpu.hand_back_after`.
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        batch: Images a step.
        rounds: Processes of each, in turn, >= 1.
    """
    peaks: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (library, giving_back) in cases.items():
            peak = in_new_process(_train, library, giving_back, model, batch)
            peaks[name].append(peak)
    return {name: Spread.of(values) for name, values in peaks.items()}


def _train(library: str, giving_back: bool, model: str, batch: int) -> float:
    import resource  # not on Windows

    # Imported here, as each library would be part of the other's memory.
    from paddle_alexnet.runtime.cpu import hand_back_after, speed_up, usable_cores

    speed_up()
    if library == "torch":
        from paddle_alexnet.benchmark import torch_peer
        from paddle_alexnet.nets.registry import MODELS

        step = torch_peer.training_step(MODELS[model], batch, usable_cores())
    else:
        load_paddle_quietly()
        from paddle_alexnet.benchmark import paddle_cases

        step = paddle_cases.training_step(model, batch, lrn="fused", kind="auto")
    for updates in range(STEPS + 1):
        if updates:
            step()
        if giving_back:
            hand_back_after(updates)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)

"""Training steps of two processes that share every batch, or the net: time, and bytes sent."""

import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.processes import in_new_process, load_paddle
from benchmarks.timing import Case, Timing, interleave

COUNTERS = Path("/proc/self/io")  # Linux


def time_two(model: str, batch: int, *, rounds: int) -> dict[str, Timing]:
    """Train with two processes of one thread each on this machine.

    Args:
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`, with two towers.
        batch: Images of both processes.
        rounds: Measured steps of each case, in turn, >= 1.

    Returns:
        Milliseconds a step. The names of the cases say how many bytes process 0 sent in one, as the
        system counts what it wrote.

    Raises:
        ValueError: The net has no towers, or there are too few images.
    """
    from paddle_alexnet.nets.registry import MODELS
    from paddle_alexnet.nets.towers import tower_stages
    from paddle_alexnet.runtime.distributed import ALONE

    try:
        tower_stages(MODELS[model].stages, ALONE)
    except ValueError as error:
        raise ValueError(f"--model: {model} {error}; alexnet_2012 has two towers") from error
    if batch < 2 or not COUNTERS.exists():
        raise ValueError("two processes need --batch 2, and Linux")
    ends = free_ends()
    with ThreadPoolExecutor(2) as pool:
        results = [
            pool.submit(in_new_process, _train, rank, ends, model, batch, rounds) for rank in (0, 1)
        ]
        return results[0].result()


def _train(rank: int, ends: list[str], model: str, batch: int, rounds: int) -> dict[str, Timing]:
    os.environ |= {**variables_of_two(rank, ends), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    from paddle_alexnet.runtime.cpu import speed_up

    speed_up()
    load_paddle()
    from benchmarks.paddle_cases import training_step
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.runtime.distributed import join_ranks

    choose_device("cpu")
    ranks = join_ranks()
    forms = {"data": ("data", "auto"), "data, compile none": ("data", "none")}
    forms["towers"] = ("towers", "none")
    sent: dict[str, int] = {}

    def counted(name: str, step: Case) -> Case:
        def run() -> None:
            before = _written()
            step()
            sent[name] = _written() - before

        return run

    cases = {}
    for name, (parallel, kind) in forms.items():
        shared = ranks.sharing(parallel)
        step = training_step(model, batch, lrn="fused", kind=kind, ranks=shared)
        cases[name] = counted(name, step)
    times = interleave(cases, rounds=rounds, turn_seconds=0)
    return {f"{name}: {sent[name] / 1e6:.3f} MB sent": time for name, time in times.items()}


def _written() -> int:
    """Bytes that this process has written, to sockets too."""
    (line,) = [x for x in COUNTERS.read_text().splitlines() if x.startswith("wchar: ")]
    return int(line.split()[1])


def free_ends() -> list[str]:
    """Addresses on this machine with free ports: of two processes, and where they meet."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ends = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return ends


def variables_of_two(rank: int, ends: Sequence[str]) -> dict[str, str]:
    """What a launcher of two CPU processes gives one of them in its environment.

    Args:
        rank: 0 or 1.
        ends: From :func:`free_ends`, the same for both.
    """
    return {
        "PADDLE_TRAINERS_NUM": "2",
        "PADDLE_TRAINER_ID": str(rank),
        "PADDLE_TRAINER_ENDPOINTS": ",".join(ends[:2]),
        "PADDLE_CURRENT_ENDPOINT": ends[rank],
        "PADDLE_MASTER": ends[2],
        "PADDLE_DISTRI_BACKEND": "gloo",
    }

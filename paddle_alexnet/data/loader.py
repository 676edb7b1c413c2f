"""Loading batches ahead of their use, in a thread or in other processes. Does not import Paddle."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection

import numpy as np

from paddle_alexnet.data.dataset import Samples, collect
from paddle_alexnet.errors import RunError
from paddle_alexnet.runtime.stop_signals import STOPPING

AHEAD = 2  # batches loading or waiting, per process

Batch = list[np.ndarray]


def group_indices(indices: Sequence[int], size: int) -> list[Sequence[int]]:
    """Divide indices into batches of ``size``; the last may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def load_batches(
    samples: Samples, groups: Iterable[Sequence[int]], workers: int = 0
) -> Generator[Batch, None, None]:
    """Collect samples into batches, in order.

    Not with ``paddle.io.DataLoader``: where a data set raises an error, version 3.3 waits forever
    without workers, and with workers the error is lost in another one.

    Args:
        samples: Gives (uint8 [S, S, 3], int, ...), each part of one shape. Processes receive
            pickled subsets.
        groups: Indices of each batch.
        workers: Processes; 0 for a thread of this process, which runs beside the net, as OpenCV
            releases the GIL.

    Yields:
        uint8 [N, S, S, 3], int64 [N], and further parts of the samples.

    Raises:
        DataError: A sample cannot be read.
        RunError: A loading process ended early.
    """
    waiting = iter(groups)
    pending: deque[Future[Batch]] = deque()
    with make_executor(workers) as executor:
        try:
            for group in itertools.islice(waiting, AHEAD * max(1, workers)):
                pending.append(executor.submit(collect, samples.subset(group)))
            while pending:
                batch = pending.popleft().result()
                for group in itertools.islice(waiting, 1):
                    pending.append(executor.submit(collect, samples.subset(group)))
                yield batch
        except BrokenProcessPool as error:
            raise RunError(
                "a process that loads images ended early, perhaps for lack of memory: "
                "lower data.workers (0 needs no further processes)"
            ) from error
        finally:
            for future in pending:
                future.cancel()


def make_executor(workers: int) -> Executor:
    """A pool of processes, or of one thread where ``workers`` is 0.

    Raises:
        RunError: The system gives no means for processes to wait for each other.
    """
    if not workers:
        return ThreadPoolExecutor(1, thread_name_prefix="loading")
    # Spawned, not forked: a fork of a process with Paddle's threads may hang.
    context = multiprocessing.get_context("spawn")
    try:
        return ProcessPoolExecutor(workers, context, initializer=_start_worker)
    except (OSError, ImportError, NotImplementedError) as error:  # no semaphores in /dev/shm
        raise RunError(
            f"cannot start processes that load images ({error}): give /dev/shm more room, or set "
            "data.workers=0 (resize_images.py: --workers 0)"
        ) from error


def _start_worker() -> None:
    """Set up a loading process.

    Ctrl-C, SIGTERM and SIGHUP may be sent to the whole process group. Only the parent acts on them:
    it saves its state and ends the workers. If it is killed it cannot, so workers watch for its
    end.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)

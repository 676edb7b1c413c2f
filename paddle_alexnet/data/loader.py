"""A process that loads pictures for one that trains. Nothing here loads Paddle."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Protocol

import numpy as np
import paddle

from paddle_alexnet.data.dataset import Items, collect
from paddle_alexnet.errors import RunError


def start_worker() -> None:
    """Set up this process.

    Ctrl-C and SIGTERM, which may be sent to all, are for the one that trains: it saves itself and
    ends the others. Where it is killed it cannot, so the others watch for its end.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


# MERGED data.loading: Loading batches ahead of their use, in a thread or in other processes.


AHEAD = 2  # batches in work or waiting, for each process

Batch = list[np.ndarray]


class Divisible(Protocol):
    """A data set that can give a part of itself.

    A process gets the part that it is to load and never the whole, which may be a list of a million
    pictures.
    """

    def subset(self, indices: Sequence[int]) -> Items:
        """Some of the items, in the given order."""


def load_batches(
    dataset: Divisible, groups: Iterable[Sequence[int]], workers: int = 0
) -> Iterator[list[paddle.Tensor]]:
    """Collect items of ``dataset`` into batches, in order.

    Args:
        dataset: Gives (uint8 [S, S, 3], int, ...), each part of one shape. For workers its subsets
            are pickled.
        groups: The indices of each batch.
        workers: Processes; 0 for a thread of this one, which runs beside the net as OpenCV lets
            other threads go on.

    Yields:
        uint8 [N, S, S, 3], int64 [N], and what else an item has.

    Raises:
        DataError: An item cannot be had, as ``dataset`` said.
        RunError: A process ended early.
    """
    waiting = iter(groups)
    pending: deque[Future[Batch]] = deque()
    with _executor(workers) as executor:
        try:
            for group in itertools.islice(waiting, AHEAD * max(1, workers)):
                pending.append(executor.submit(collect, dataset.subset(group)))
            while pending:
                batch = pending.popleft().result()
                for group in itertools.islice(waiting, 1):
                    pending.append(executor.submit(collect, dataset.subset(group)))
                yield [paddle.to_tensor(part) for part in batch]
        except BrokenProcessPool as error:
            raise RunError(
                "a process that loads images ended early, perhaps for want of memory: "
                "lower data.workers (0 needs no further processes)"
            ) from error
        finally:
            for future in pending:
                future.cancel()


def _executor(workers: int) -> Executor:
    if not workers:
        return ThreadPoolExecutor(1, thread_name_prefix="loading")
    # Spawned, not forked: a fork of a process with Paddle's threads may hang. What they get loads
    # no Paddle, so they start in a fraction of the time.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=start_worker)

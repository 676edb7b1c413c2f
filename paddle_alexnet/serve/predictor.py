"""One thread that owns the net: images of requests that arrive together pass it as a batch."""

import collections
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


class Predictor:
    """A thread that classifies; close it at the end.

    Args:
        scores: From inputs uint8 [N, S, S, 3] to scores [N, classes].
        batch_size: Most images of a batch.
        wait: Seconds that the first image of a batch waits for others.
        observe: Called with the number of images of each batch.
    """

    def __init__(
        self,
        scores: Callable[[np.ndarray], np.ndarray],
        batch_size: int,
        wait: float,
        observe: Callable[[int], None] = lambda images: None,
    ) -> None:
        self._scores, self._batch_size, self._wait = scores, batch_size, wait
        self._observe = observe
        # An input, or a function to call; None ends the thread.
        self._jobs: queue.SimpleQueue[tuple[Any, Future] | None] = queue.SimpleQueue()
        self._put_back: collections.deque[tuple[Any, Future] | None] = collections.deque()
        self._thread = threading.Thread(target=self._work, name="predictor", daemon=True)
        self._thread.start()

    def classify(self, inputs: np.ndarray) -> Future:
        """Ask for the scores [classes] of one image, uint8 [S, S, 3]; may be cancelled."""
        return self._add(inputs)

    def call(self, function: Callable[[], T]) -> "Future[T]":
        """Ask for what ``function`` returns, called in the thread that owns the net."""
        return self._add(function)

    def waiting(self) -> int:
        """Images and calls that wait for the net."""
        return self._jobs.qsize()

    def alive(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the thread after what was asked for before."""
        self._jobs.put(None)
        self._thread.join()

    def _add(self, what: Any) -> Future:
        future: Future = Future()
        self._jobs.put((what, future))
        return future

    def _work(self) -> None:
        while (job := self._next()) is not None:
            what, future = job
            if callable(what):
                _answer([future], lambda function: [function()], what)
                continue
            images, futures = zip(*self._batch(job), strict=True)
            self._observe(len(images))
            _answer(futures, self._scores, np.stack(images))

    def _next(self, wait: float | None = None) -> tuple[Any, Future] | None:
        """The next job that is still wanted."""
        if self._put_back:
            return self._put_back.popleft()
        while (job := self._jobs.get(timeout=wait)) is not None:
            if job[1].set_running_or_notify_cancel():
                break
        return job

    def _batch(self, job: tuple[Any, Future]) -> list[tuple[Any, Future]]:
        """A batch that begins with ``job``, of 1, 2, 4, 8 ... images.

        For each size that oneDNN meets it keeps another copy of the weights: 230 MB of AlexNet's.
        """
        batch, end = [job], time.monotonic() + self._wait
        while len(batch) < self._batch_size:
            try:
                other = self._next(max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            if other is None or callable(other[0]):
                self._put_back.append(other)
                break
            batch.append(other)
        size = 2 ** (len(batch).bit_length() - 1)
        self._put_back.extendleft(reversed(batch[size:]))
        return batch[:size]


def _answer(futures: Sequence[Future], compute: Callable[[Any], Any], what: Any) -> None:
    """Give each future its part of the result, or all of them the error."""
    try:
        results = compute(what)
    except Exception as error:  # it is raised where the result is awaited
        for future in futures:
            future.set_exception(error)
    else:
        for future, result in zip(futures, results, strict=True):
            future.set_result(result)

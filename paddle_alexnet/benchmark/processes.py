"""Measuring in a process of its own, which holds nothing of this one."""

import contextlib
import io
import multiprocessing
import warnings
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def in_new_process(function: Callable[..., Result], *args: object) -> Result:
    """What ``function`` of a module returns for ``args``, in a process that is started for it.

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


def load_paddle_quietly() -> None:
    """Import Paddle without what it says of itself, as ``tools/*`` do."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stderr(io.StringIO()):
        import paddle  # noqa: F401

"""Process settings that make Paddle several times faster on a CPU: threads, MKL, and malloc.

They act on the whole process and must be made before Paddle is loaded, so importing this module
does nothing: ``tools/*`` call :func:`speed_up` first. With them freed memory stays in the process;
:func:`hand_back_after` returns to the system what training does not need again.
"""

import ctypes
import os
import platform
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

# Environment variables of glibc's malloc, the parameter numbers of mallopt (malloc.h), and values.
# Freed memory is kept for reuse: glibc would return it to the kernel and fault it in again. Blocks
# of 32 MiB, the largest threshold that every glibc takes, still are returned: the few of that size,
# gradients of fc6 and fc7 among them, would leave holes that nothing else fits.
MALLOC_OPTIONS = {
    "MALLOC_MMAP_THRESHOLD_": (-3, 32 << 20),
    "MALLOC_TRIM_THRESHOLD_": (-1, 2**31 - 1),
    "MALLOC_TOP_PAD_": (-2, 256 << 20),
}
# The first steps compile the graph and allocate velocity and gradients. What they free lies between
# what stays, in blocks of sizes that are not needed again. Savings: docs/performance.md.
EARLY_STEPS = 3


def speed_up(
    environ: MutableMapping[str, str] | None = None,
    *,
    processor: str | None = None,
    mallopt: Callable[[int, int], int] | None = None,
) -> dict[str, Any]:
    """Set up the process. Settings of the user stay; other platforms are not changed.

    On Linux with an x86-64 processor the bundled MKL gets one thread per core, and on an AMD
    processor with AVX2 its AVX2 code (by default it takes a slow path there). With glibc, freed
    memory is kept.

    Args:
        environ: The environment to change; default: that of the process.
        processor: Text of /proc/cpuinfo; default: read. For tests.
        mallopt: Replaces glibc's function. For tests.

    Returns:
        A report for the run's environment: ``cores``, ``set`` (what was set), ``kept`` (what the
        user had set), ``late`` (True if Paddle was loaded before: then it would ignore the thread
        and MKL settings, and they are not made).
    """
    environ = os.environ if environ is None else environ
    cores = usable_cores()
    late = "paddle" in sys.modules
    report: dict[str, Any] = {"cores": cores, "set": {}, "kept": {}, "late": late}
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return report
    wanted = {"OMP_NUM_THREADS": str(cores), "MKL_NUM_THREADS": str(cores)}
    if processor is None:
        processor = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    if "AuthenticAMD" in processor and " avx2 " in processor:
        # 5 selects MKL's AVX2 code. A higher type would be AVX-512, which crashes there (SIGILL).
        wanted["MKL_DEBUG_CPU_TYPE"] = "5"
    for name, value in wanted.items():
        if name in environ:
            report["kept"][name] = environ[name]
        elif not late:
            environ[name] = report["set"][name] = value
    mallopt = _glibc("mallopt") if mallopt is None else mallopt
    for name, (option, value) in MALLOC_OPTIONS.items():
        if name in environ or "GLIBC_TUNABLES" in environ:
            report["kept"][name] = environ.get(name, environ.get("GLIBC_TUNABLES"))
        elif mallopt is not None and mallopt(option, value):
            report["set"][name] = value
    return report


def hand_back_after(steps: int) -> None:
    """Return freed memory to the system, early in a training process.

    To be called before the first step and after every one. Does nothing after the first
    ``EARLY_STEPS`` steps, and nothing without glibc.

    Args:
        steps: Steps that this process has made.
    """
    trim = _glibc("malloc_trim") if steps <= EARLY_STEPS else None
    if trim is not None:
        trim(0)


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def paddle_threads() -> int:
    """Threads of Paddle's matrix products, as set when it was loaded; at least 1."""
    try:
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    except (KeyError, ValueError):
        return 1  # Paddle's default


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc; None on other systems."""
    if platform.libc_ver()[0] != "glibc":
        return None
    return getattr(ctypes.CDLL(None), name, None)

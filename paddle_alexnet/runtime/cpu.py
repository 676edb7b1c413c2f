"""Two things that make Paddle several times faster on a CPU, for nothing.

They act on the whole process and must come before Paddle is loaded, so importing this module does
nothing: ``tools/*`` call :func:`speed_up` first. As freed memory is kept then,
:func:`hand_back_after` gives back what training does not need again.
"""

import ctypes
import os
import platform
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

# mallopt's parameters (malloc.h of glibc) and the variables by which users set them.
# Large tensors are kept for reuse: glibc would give each back to the kernel and fault it in again.
MALLOC_OPTIONS = {
    "MALLOC_MMAP_THRESHOLD_": (-3, 2**30),
    "MALLOC_TRIM_THRESHOLD_": (-1, 2**31 - 1),
    "MALLOC_TOP_PAD_": (-2, 256 << 20),
}
# They compile the graph and make velocity and gradients: what they free lies between what stays,
# in pieces of sizes that are not asked for again. Gains are in docs/performance.md.
EARLY_UPDATES = 3


def speed_up(
    environ: MutableMapping[str, str] | None = None,
    *,
    processor: str | None = None,
    mallopt: Callable[[int, int], int] | None = None,
) -> dict[str, Any]:
    """Set up the process; what the user has set stays, and other machines are left alone.

    On Linux with an x86-64 processor the bundled MKL gets one thread a core, and on an AMD
    processor with AVX2 its fast code (by itself it takes a slow path there). With glibc, freed
    memory is kept.

    Args:
        environ: The environment to change; default: the process's.
        processor: Text of /proc/cpuinfo; default: read. For tests.
        mallopt: glibc's function; default: the process's. For tests.

    Returns:
        A report for the run's environment: ``cores``, ``set`` (what was set), ``kept`` (what the
        user had set), ``late`` (True where Paddle was loaded before: the thread and MKL settings
        are ignored then, and are not made).
    """
    environ = os.environ if environ is None else environ
    cores = usable_cores()
    late = "paddle" in sys.modules
    report: dict[str, Any] = {"cores": cores, "set": {}, "kept": {}, "late": late}
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return report
    wanted = {"OMP_NUM_THREADS": str(cores), "MKL_NUM_THREADS": str(cores)}
    if _is_fast_amd(_cpuinfo() if processor is None else processor):
        # 5 is MKL's AVX2 code. A higher type would be AVX-512, which crashes there (SIGILL).
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


def hand_back_after(updates: int) -> None:
    """Give memory that was freed and kept to the system, early in a training process.

    To be called before the first update and after every one; does something after 0 to
    ``EARLY_UPDATES``, and nothing without glibc.

    Args:
        updates: How many this process has made.
    """
    trim = _glibc("malloc_trim") if updates <= EARLY_UPDATES else None
    if trim is not None:
        trim(0)


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def paddle_threads() -> int:
    """Threads that Paddle's products of matrices were given when it was loaded, >= 1."""
    try:
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    except (KeyError, ValueError):
        return 1  # what Paddle takes then


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def _is_fast_amd(cpuinfo: str) -> bool:
    return "AuthenticAMD" in cpuinfo and " avx2 " in cpuinfo


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc; None where there is none."""
    if platform.libc_ver()[0] != "glibc":
        return None
    return getattr(ctypes.CDLL(None), name, None)

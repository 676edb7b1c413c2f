"""Process settings by machine."""

import os
import platform
import subprocess
import sys

import pytest

from paddle_alexnet.runtime.cpu import MALLOC_OPTIONS, paddle_threads, speed_up, usable_cores

AMD = "vendor_id : AuthenticAMD\nflags : fpu sse avx avx2 bmi\n"
OLD_AMD = "vendor_id : AuthenticAMD\nflags : fpu sse avx bmi\n"
INTEL = "vendor_id : GenuineIntel\nflags : fpu sse avx avx2 bmi\n"


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    for module in [name for name in sys.modules if name.split(".")[0] == "paddle"]:
        monkeypatch.delitem(sys.modules, module)


class Malloc:
    def __init__(self):
        self.calls = []

    def __call__(self, option, value):
        self.calls.append((option, value))
        return 1


def test_a_fast_amd_processor(linux):
    environ, malloc = {}, Malloc()
    report = speed_up(environ, processor=AMD, mallopt=malloc)
    cores = str(usable_cores())
    assert environ == {
        "OMP_NUM_THREADS": cores,
        "MKL_NUM_THREADS": cores,
        "MKL_DEBUG_CPU_TYPE": "5",
    }
    # glibc's malloc.h: M_MMAP_THRESHOLD -3, M_TRIM_THRESHOLD -1, M_TOP_PAD -2.
    assert malloc.calls == [(-3, 32 * 2**20), (-1, 2**31 - 1), (-2, 256 * 2**20)]
    assert report["late"] is False
    assert report["set"].keys() == environ.keys() | MALLOC_OPTIONS.keys()


@pytest.mark.parametrize("processor", [INTEL, OLD_AMD, ""])
def test_other_processors_keep_mkl_defaults(linux, processor):
    environ = {}
    speed_up(environ, processor=processor, mallopt=Malloc())
    assert environ.keys() == {"OMP_NUM_THREADS", "MKL_NUM_THREADS"}


@pytest.mark.parametrize(
    ("setting", "threads"), [(None, 1), ("1", 1), ("4", 4), ("0", 1), ("many", 1)]
)
def test_paddle_threads_follow_the_environment(monkeypatch, setting, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if setting is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert paddle_threads() == threads


def test_settings_of_the_user_stay(linux):
    environ, malloc = {"OMP_NUM_THREADS": "1", "MALLOC_TOP_PAD_": "7"}, Malloc()
    report = speed_up(environ, processor=AMD, mallopt=malloc)
    assert environ["OMP_NUM_THREADS"] == "1"
    assert report["kept"] == {"OMP_NUM_THREADS": "1", "MALLOC_TOP_PAD_": "7"}
    assert -2 not in dict(malloc.calls)
    malloc = Malloc()
    speed_up({"GLIBC_TUNABLES": "glibc.malloc.top_pad=7"}, processor=AMD, mallopt=malloc)
    assert malloc.calls == []


@pytest.mark.parametrize(
    ("system", "machine"), [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")]
)
def test_other_machines_are_not_changed(monkeypatch, system, machine):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    environ, malloc = {}, Malloc()
    report = speed_up(environ, processor=AMD, mallopt=malloc)
    assert environ == {}
    assert malloc.calls == []
    assert report["set"] == {}


def test_a_late_call_is_reported(linux, monkeypatch):
    monkeypatch.setitem(sys.modules, "paddle", object())
    environ = {}
    report = speed_up(environ, processor=AMD, mallopt=Malloc())
    assert report["late"] is True
    assert environ == {}


def test_importing_the_package_changes_nothing():
    code = """
import os, sys
before = dict(os.environ)
import paddle_alexnet
import paddle_alexnet.runtime.cpu
assert dict(os.environ) == before
assert not {"paddle", "cv2", "visualdl", "numpy"} & sys.modules.keys(), sys.modules.keys()
assert "AlexNet" in dir(paddle_alexnet)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(
    (platform.libc_ver()[0], platform.machine()) != ("glibc", "x86_64"),
    reason="speed_up sets malloc up only there",
)
@pytest.mark.parametrize(("steps", "returned"), [(0, True), (3, True), (4, False)])
def test_freed_memory_is_returned_after_the_first_steps(steps, returned):
    """In a separate process, without the memory of other tests."""
    code = f"""
import os
from pathlib import Path
from paddle_alexnet.runtime.cpu import hand_back_after, speed_up
speed_up()
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1])
blocks = [bytes(1 << 20) for _ in range(200)]
blocks = [bytearray(block) for block in blocks]
keep = bytearray(1 << 20)  # at the end, so that the heap cannot just become shorter
del blocks
before = resident()
hand_back_after({steps})
print((before - resident()) * os.sysconf("SC_PAGESIZE") >> 20)
"""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert (int(done.stdout) > 100) == returned

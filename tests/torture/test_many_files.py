"""Folders of very many files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

TOP = Path(__file__).parents[2]
# In a process of its own, whose largest memory is told at the end: lists, and looks for copies.
PROGRAM = """
import json, re, sys, time
from pathlib import Path
from paddle_alexnet.data.listing import list_images
from paddle_alexnet.data.split import SplitRule

def kib(name):
    return int(re.search(name + r":\\s+([0-9]+)", Path("/proc/self/status").read_text()).group(1))

before, start = kib("VmRSS"), time.perf_counter()
listing = list_images(sys.argv[1], SplitRule("hash", 0.1, 0))
print(json.dumps({
    "pictures": {split: len(samples) for split, samples in listing.splits.items()},
    "KiB": kib("VmHWM") - before, "seconds": time.perf_counter() - start}))
"""


def fill(root, count):
    """Two classes of ``count`` pictures of a pixel in all, every one its own, and 100 copies."""
    for number in range(count):
        value = np.array([[[number % 256, number // 256 % 256, number // 65536]]], np.uint8)
        data = cv2.imencode(".png", value)[1].tobytes()
        (root / "ab"[number % 2] / f"{number}.png").write_bytes(data)
    for number in range(100):
        source = root / "a" / f"{2 * number}.png"
        (root / "a" / f"copy of {number}.png").write_bytes(source.read_bytes())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it so")
def test_a_hundred_thousand_pictures(tmp_path, amount, count):
    total = amount(1000, 100_000)
    for name in "ab":
        (tmp_path / name).mkdir()
    fill(tmp_path, total)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert sum(said["pictures"].values()) == total  # the copies are left out, and nothing else
    # Two KiB a picture were seen, while all are looked through.
    assert said["KiB"] < 64 * 1024 + 4 * total
    count("pictures in a folder", total)
    count("milliseconds to list them", int(1000 * said["seconds"]))
    count("KiB that took", said["KiB"])

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
# Runs in a process of its own and prints its peak memory: for a folder, whose duplicate images are
# removed, or for a list file.
PROGRAM = """
import json, re, sys, time
from pathlib import Path
from paddle_alexnet.data.list_files import read_lists
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.split import SplitRule

def kib(name):
    return int(re.search(name + r":\\s+([0-9]+)", Path("/proc/self/status").read_text()).group(1))

before, start = kib("VmRSS"), time.perf_counter()
root, *lists = sys.argv[1:]
if lists:
    listing = read_lists(root, {"train": lists[0]})
else:
    listing = list_images(root, SplitRule("hash", 0.1, 0))
print(json.dumps({
    "images": {split: len(samples) for split, samples in listing.splits.items()},
    "KiB": kib("VmHWM") - before, "seconds": time.perf_counter() - start}))
"""


def fill(root, count):
    """``count`` different images of one pixel in two classes, and 100 copies."""
    for number in range(count):
        value = np.array([[[number % 256, number // 256 % 256, number // 65536]]], np.uint8)
        data = cv2.imencode(".png", value)[1].tobytes()
        (root / "ab"[number % 2] / f"{number}.png").write_bytes(data)
    for number in range(100):
        source = root / "a" / f"{2 * number}.png"
        (root / "a" / f"copy of {number}.png").write_bytes(source.read_bytes())


def listed(*words):
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@linux
def test_a_hundred_thousand_images(tmp_path, amount, count):
    total = amount(1000, 100_000)
    for name in "ab":
        (tmp_path / name).mkdir()
    fill(tmp_path, total)
    said = listed(tmp_path)
    assert sum(said["images"].values()) == total  # only the copies are left out
    # Two KiB an image were measured while all are read.
    assert said["KiB"] < 64 * 1024 + 4 * total
    count("images in a folder", total)
    count("milliseconds to list them", int(1000 * said["seconds"]))
    count("KiB that the folder took", said["KiB"])


@pytest.mark.slow
@linux
def test_a_list_file_of_imagenets_size(tmp_path, amount, count):
    """1,281,167 lines of ILSVRC-2012, and as many files, whose existence is checked."""
    total = amount(20_000, 1_281_167)
    names = [f"n{i % 1000:02}/n{i % 1000:02}_{i}.JPEG" for i in range(total)]
    for label in range(1000):
        (tmp_path / f"n{label:02}").mkdir()
    for name in names:
        (tmp_path / name).touch()
    lines = (f"{name} {i % 1000}\n" for i, name in enumerate(names))
    (tmp_path / "train.txt").write_text("".join(lines))
    said = listed(tmp_path, tmp_path / "train.txt")
    assert said["images"]["train"] == total
    # A path of 20 characters in a tuple in a list takes about a fifth of a KiB.
    assert said["KiB"] < 64 * 1024 + total // 2
    count("lines of a list file", total)
    count("milliseconds to read them", int(1000 * said["seconds"]))
    count("KiB that the list took", said["KiB"])

"""Loading ahead: errors arrive, and nothing waits forever."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from paddle_alexnet.data.dataset import PreprocessedDataset
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.loader import load_batches
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import DataError, RunError


class Numbers:
    """Samples 0..9; some raise an error or end their process."""

    def __init__(self, bad=(), deadly=(), items=range(10)):
        self.bad, self.deadly, self.items = bad, deadly, items

    def subset(self, indices):
        return Numbers(self.bad, self.deadly, indices)

    def __getitem__(self, place):
        index = self.items[place]
        if index in self.bad:
            raise DataError(f"number {index} is bad")
        if index in self.deadly:
            os._exit(1)
        return np.full((2, 2, 3), index, np.uint8), index

    def __len__(self):
        return len(self.items)


GROUPS = [[3, 1], [4], [1, 5, 9], [2, 6]]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_in_order(workers):
    got = list(load_batches(Numbers(), GROUPS, workers))
    assert [labels.tolist() for _, labels in got] == GROUPS
    assert [images[:, 0, 0, 0].tolist() for images, _ in got] == GROUPS
    assert got[2][0].shape == (3, 2, 2, 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_arrives_as_it_is_after_what_came_before(workers):
    got = []
    with pytest.raises(DataError, match="number 9 is bad"):
        for _, labels in load_batches(Numbers(bad=[9]), GROUPS, workers):
            got.append(labels.tolist())
    assert got == GROUPS[:2]


def test_a_process_that_dies_is_reported():
    with pytest.raises(RunError, match=r"data\.workers"):
        list(load_batches(Numbers(deadly=[5]), GROUPS, 1))


@pytest.mark.parametrize("workers", [0, 1])
def test_leaving_early_ends_the_loading(workers):
    before = threading.active_count()
    batches = load_batches(Numbers(), GROUPS * 50, workers)
    next(batches)
    batches.close()
    assert threading.active_count() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_loading_processes_ignore_signals(flowers):
    """As from a scheduler that ends a process group: loading continues until training has saved.

    With images, not with Numbers, for which a process would import Paddle and its signal handlers.
    """
    samples = PreprocessedDataset(FlowerFolder(flowers), Preprocessing(input_size=16, resize=18))
    batches = load_batches(samples, GROUPS * 20, 1)
    got = [next(batches)]
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGTERM)
        os.kill(child.pid, signal.SIGINT)
    got += batches
    assert len(got) == 80


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_loading_processes_end_with_one_that_is_killed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_loader import GROUPS, Numbers, load_batches\n"
        "if __name__ == '__main__':\n"
        "    batches = load_batches(Numbers(), GROUPS * 99, 2)\n"
        "    next(batches)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    time.sleep(99)\n"
    )
    parent = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in children)


def alive(pid):
    """Neither gone nor a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_no_batches():
    assert list(load_batches(Numbers(), [])) == []

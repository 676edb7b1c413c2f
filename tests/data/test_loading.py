"""Loading ahead: errors arrive, and nothing waits for ever."""

import os
import threading

import numpy as np
import pytest
from paddle.io import Dataset

from paddle_alexnet.data.loading import load_batches
from paddle_alexnet.errors import DataError, RunError


class Numbers(Dataset):
    """Items 0..9; some of them do what they are told."""

    def __init__(self, bad=(), deadly=(), items=range(10)):
        super().__init__()
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
    got = [
        (images.numpy(), labels.numpy())
        for images, labels in load_batches(Numbers(), GROUPS, workers)
    ]
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


def test_no_batches():
    assert list(load_batches(Numbers(), [])) == []

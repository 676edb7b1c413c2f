"""Reading, timed: all forms read every picture once."""

import importlib.util

import pytest

from paddle_alexnet.benchmark.reader_cases import FORMS, reader_cases, reader_view
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(input_size=32, resize=36)


def test_an_epoch_is_all_pictures(flowers):
    cases = reader_cases(list_images(flowers), PREPROCESSING, 16)
    assert len(cases) == len(FORMS)
    assert cases["workers 0, cache none"]() == 60
    assert cases["workers 0, cache ram"]() == 60


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("workers", [0, 1])
def test_torch_reads_the_same(flowers, workers):
    from paddle_alexnet.benchmark import torch_reader

    view = reader_view(list_images(flowers), PREPROCESSING)
    assert torch_reader.reader(view, 16, workers)() == 60

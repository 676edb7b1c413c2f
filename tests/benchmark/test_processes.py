"""Processes that hold nothing of the one that starts them."""

import os
import sys

import pytest

from paddle_alexnet.benchmark.processes import in_new_process


def who_and_what(module):
    return os.getpid(), module in sys.modules


def fail(text):
    raise ValueError(text)


def test_another_process_without_the_modules_of_this_one():
    import paddle  # noqa: F401

    process, loaded = in_new_process(who_and_what, "paddle")
    assert process != os.getpid()
    assert not loaded


def test_what_goes_wrong_there_is_raised_here():
    with pytest.raises(ValueError, match="what went wrong"):
        in_new_process(fail, "what went wrong")

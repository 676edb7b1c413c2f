"""What requests may hold together."""

import threading

import pytest

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.serve.limits import COPIES, PIXEL_BYTES, Limits, Memory


def test_what_is_taken_and_given_back():
    memory = Memory(10)
    assert memory.take(7)
    assert not memory.take(4)
    assert memory.take(3)
    memory.give(7)
    assert memory.taken == 3


def test_waiting_ends_when_enough_is_given_back():
    memory = Memory(10)
    memory.take(10)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(memory.take(8, wait=60)))
    thread.start()
    memory.give(5)  # not enough
    memory.give(5)
    thread.join()
    assert taken == [True]
    assert memory.taken == 8


def test_many_threads_never_hold_more_than_all():
    memory, most = Memory(100), 0

    def work():
        nonlocal most
        for size in range(1, 60):
            assert memory.take(size, wait=60)
            most = max(most, memory.taken)
            memory.give(size)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < most <= 100
    assert memory.taken == 0


def test_the_memory_must_hold_the_largest_request():
    least = COPIES * 1000 + PIXEL_BYTES * 500
    Limits(body=1000, pixels=500, memory=least)
    with pytest.raises(ConfigError, match=f"--max-memory.*{least}"):
        Limits(body=1000, pixels=500, memory=least - 1)

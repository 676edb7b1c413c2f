"""The thread that owns the net."""

import threading

import numpy as np
import pytest

from paddle_alexnet.serve.predictor import Predictor


class Net:
    """Gives the sum of an input; waits before the first batch until it is let go."""

    def __init__(self, waits=True):
        self.go = threading.Event()
        self.begun = threading.Event()
        self.batches, self.threads = [], set()
        if not waits:
            self.go.set()

    def __call__(self, inputs):
        self.begun.set()
        assert self.go.wait(60)
        self.batches.append([int(image[0, 0, 0]) for image in inputs])
        self.threads.add(threading.current_thread().name)
        return inputs.sum(axis=(1, 2, 3))


def image(value):
    return np.full((2, 2, 3), value, np.uint8)


@pytest.fixture
def start():
    """A function that makes a predictor; closed at the end."""
    made = []

    def start(net, *words, **options):
        made.append(Predictor(net, *words, **options))
        return made[-1]

    yield start
    for predictor in made:
        predictor.close()
        assert not predictor.alive()


def test_each_image_gets_its_own_scores(start):
    predictor = start(Net(waits=False), 4, 0.001)
    futures = [predictor.classify(image(value)) for value in range(20)]
    assert [future.result(60) for future in futures] == [12 * value for value in range(20)]


def test_what_waits_together_passes_the_net_together(start):
    """In order, by powers of two, and by one thread."""
    net, sizes = Net(), []
    predictor = start(net, 8, 0.0, observe=sizes.append)
    first = predictor.classify(image(0))
    assert net.begun.wait(60)  # the others come while the net is busy
    futures = [predictor.classify(image(value)) for value in range(1, 16)]
    net.go.set()
    for future in (first, *futures):
        future.result(60)
    assert net.batches == [[0], [*range(1, 9)], [9, 10, 11, 12], [13, 14], [15]]
    assert sizes == [1, 8, 4, 2, 1]
    assert net.threads == {"predictor"}


def test_an_image_waits_for_others(start):
    """With time enough, a batch is full."""
    net = Net(waits=False)
    predictor = start(net, 2, 60.0)
    futures = [predictor.classify(image(value)) for value in (1, 2)]
    assert [future.result(60) for future in futures] == [12, 24]
    assert net.batches == [[1, 2]]


def test_calls_come_in_their_turn_and_in_the_same_thread(start):
    net = Net()
    predictor = start(net, 8, 0.0)
    before = [predictor.classify(image(value)) for value in (1, 2)]
    assert net.begun.wait(60)
    done = predictor.call(lambda: (list(net.batches), threading.current_thread().name))
    after = predictor.classify(image(3))
    net.go.set()
    batches, name = done.result(60)
    assert [value for batch in batches for value in batch] == [1, 2]
    assert name == "predictor"
    assert [future.result(60) for future in (*before, after)] == [12, 24, 36]


def test_an_error_reaches_those_of_its_batch_only(start):
    def fail(inputs):
        if (inputs == 9).any():
            raise ValueError("nine")
        return inputs.sum(axis=(1, 2, 3))

    predictor = start(fail, 1, 0.0)
    futures = [predictor.classify(image(value)) for value in (1, 9, 2)]
    with pytest.raises(ValueError, match="nine"):
        futures[1].result(60)
    assert [futures[i].result(60) for i in (0, 2)] == [12, 24]
    with pytest.raises(ZeroDivisionError):
        predictor.call(lambda: 1 // 0).result(60)
    assert predictor.alive()


def test_what_is_cancelled_is_not_computed(start):
    net = Net()
    predictor = start(net, 8, 0.0)
    first = predictor.classify(image(0))
    assert net.begun.wait(60)
    second, third = predictor.classify(image(1)), predictor.classify(image(2))
    assert second.cancel()
    net.go.set()
    first.result(60)
    assert third.result(60) == 24
    assert net.batches == [[0], [2]]


def test_closing_answers_what_was_asked_before():
    net = Net()
    predictor = Predictor(net, 4, 0.0)
    futures = [predictor.classify(image(value)) for value in range(7)]
    closing = threading.Thread(target=predictor.close)
    closing.start()
    net.go.set()
    closing.join(60)
    assert [future.result(0) for future in futures] == [12 * value for value in range(7)]

"""The running average against numpy."""

import numpy as np
import pytest
from paddle import nn

from paddle_alexnet.training.optimizer import ExponentialMovingAverage


def test_formula_and_place():
    net = nn.Linear(2, 2)
    rng = np.random.default_rng(0)
    want = net.weight.numpy().astype(float)
    average = ExponentialMovingAverage(net, 0.8)
    for step in range(60):
        value = rng.normal(0, 1, (2, 2)).astype(np.float32)
        net.weight.set_value(value)
        average.update(step)
        decay = min(0.8, (1 + step) / (10 + step))
        want = decay * want + (1 - decay) * value
    with average.in_place():
        np.testing.assert_allclose(net.weight.numpy(), want, rtol=1e-5)
    np.testing.assert_array_equal(net.weight.numpy(), value)
    twin = ExponentialMovingAverage(nn.Linear(2, 2), 0.8)
    twin.restore(average.arrays())
    np.testing.assert_array_equal(twin.arrays()["weight"], average.arrays()["weight"])


def test_an_error_in_the_block_gives_the_weights_back():
    net = nn.Linear(2, 2)
    average = ExponentialMovingAverage(net, 0.5)
    net.weight.set_value(np.ones((2, 2), np.float32))
    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError
    assert (net.weight.numpy() == 1).all()


@pytest.mark.parametrize(
    "change",
    [
        {"weight": None},
        {"other": np.zeros(2, np.float32)},
        {"weight": np.zeros((2, 3), np.float32)},
        {"weight": np.zeros((2, 2))},
        {"bias": np.full(2, np.inf, np.float32)},
    ],
)
def test_arrays_that_are_not_of_this_net(change):
    average = ExponentialMovingAverage(nn.Linear(2, 2), 0.5)
    arrays = {**average.arrays(), **change}
    with pytest.raises(ValueError, match="average"):
        average.restore({name: array for name, array in arrays.items() if array is not None})

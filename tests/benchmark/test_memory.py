"""Memory of training."""

import pytest

from paddle_alexnet.benchmark.memory import peaks_of_training
from paddle_alexnet.nets.designs import DESIGNS
from paddle_alexnet.nets.walk import walk


@pytest.mark.slow
def test_weights_gradients_and_velocity_fit_into_the_peak():
    spread = peaks_of_training(["paddle"], "alexnet_paper", 1, rounds=1)["paddle"]
    parameters = sum(step.parameters for step in walk(DESIGNS["alexnet_paper"], 1000))
    least = 3 * 4 * parameters / 2**20
    assert least < spread.median < 4 * least
    assert spread.low == spread.median == spread.high

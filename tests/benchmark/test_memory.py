"""Memory of training."""

import pytest

from paddle_alexnet.benchmark import memory
from paddle_alexnet.benchmark.memory import peaks_of_training
from paddle_alexnet.nets.designs import DESIGNS
from paddle_alexnet.nets.walk import walk


@pytest.mark.slow
def test_weights_gradients_and_velocity_fit_into_the_peak():
    spread = peaks_of_training(["paddle"], "alexnet_paper", 1, rounds=1)["paddle"]
    parameters = sum(step.parameters for step in walk(DESIGNS["alexnet_paper"], 1000))
    least = 3 * 4 * parameters / 2**20
    assert least < spread.median < 4 * least


def test_processes_in_turn(monkeypatch):
    asked = []
    peaks = iter([10, 1, 30, 3, 20, 5])
    monkeypatch.setattr(memory, "_peak", lambda *words: (asked.append(words), next(peaks))[1])
    spreads = peaks_of_training(["paddle", "torch"], "net", 8, rounds=3)
    assert asked == [("paddle", "net", 8), ("torch", "net", 8)] * 3
    assert vars(spreads["paddle"]) == {"median": 20, "low": 15, "high": 25}
    assert vars(spreads["torch"]) == {"median": 3, "low": 2, "high": 4}

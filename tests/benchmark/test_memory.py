"""Memory of training."""

import importlib.util
import subprocess
import sys

import pytest

from paddle_alexnet.benchmark import memory
from paddle_alexnet.benchmark.memory import peaks_of_training
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.shapes import trace_shapes

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


@pytest.mark.parametrize("module", ["inputs", pytest.param("torch_peer", marks=needs_torch)])
def test_the_process_of_torch_does_not_hold_paddle(module):
    code = (
        f"import sys, paddle_alexnet.benchmark.{module}, paddle_alexnet.nets.registry, "
        "paddle_alexnet.runtime.cpu; sys.exit('paddle' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="cannot be measured there")
def test_weights_gradients_and_velocity_fit_into_the_peak():
    spread = peaks_of_training({"it": ("paddle", True)}, "alexnet_paper", 1, rounds=1)["it"]
    layers = trace_shapes(MODELS["alexnet_paper"].stages, 227, 1000)
    parameters = sum(layer.parameters for layer in layers)
    least = 3 * 4 * parameters / 2**20
    assert least < spread.median < 4 * least


def test_processes_in_turn(monkeypatch):
    asked = []
    peaks = iter([10, 1, 30, 3, 20, 5])

    def peak(train, *words):
        asked.append(words)
        return next(peaks)

    monkeypatch.setattr(memory, "in_new_process", peak)
    cases = {"ours": ("paddle", True), "torch": ("torch", False)}
    spreads = peaks_of_training(cases, "net", 8, rounds=3)
    assert asked == [("paddle", True, "net", 8), ("torch", False, "net", 8)] * 3
    assert vars(spreads["ours"]) == {"median": 20, "low": 15, "high": 25}
    assert vars(spreads["torch"]) == {"median": 3, "low": 2, "high": 4}

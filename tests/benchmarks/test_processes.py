"""Measurements in new processes: memory and start of training."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.processes import ALL, in_new_process, peaks_of_training, time_start
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.shapes import trace_shapes

TOOLS = Path(__file__).parents[2] / "tools"
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


def process_and_module(module):
    return os.getpid(), module in sys.modules


def fail(text):
    raise ValueError(text)


def test_a_new_process_does_not_have_the_modules_of_this_one():
    import paddle  # noqa: F401

    process, loaded = in_new_process(process_and_module, "paddle")
    assert process != os.getpid()
    assert not loaded


def test_errors_of_the_new_process_are_raised_here():
    with pytest.raises(ValueError, match="the reason"):
        in_new_process(fail, "the reason")


@pytest.mark.parametrize(
    "modules",
    [
        # What the measured process imports before it loads a library, and with torch.
        "benchmark, benchmarks.processes, paddle_alexnet.nets.stages, paddle_alexnet.runtime.cpu",
        pytest.param("benchmarks.torch_cases", marks=needs_torch),
    ],
)
def test_the_process_of_torch_does_not_load_paddle(modules):
    code = f"import sys, {modules}; sys.exit('paddle' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=TOOLS)
    assert done.returncode == 0


def read_first(dataset):
    return dataset[0][0].shape, "paddle" in sys.modules


def test_processes_that_load_images_for_torch_do_not_load_paddle(flowers):
    from benchmarks import paddle_cases
    from paddle_alexnet.data.folder import list_images

    preprocessing = Preprocessing(input_size=32, resize=36)
    dataset = paddle_cases.augmented(list_images(flowers), preprocessing)
    assert len(dataset) == 60
    assert in_new_process(read_first, dataset) == ((32, 32, 3), False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="cannot be measured there")
def test_weights_gradients_and_velocity_fit_into_the_peak():
    row = MODELS["alexnet_paper"]
    cases = {"it": ("paddle", True)}
    peak = peaks_of_training(cases, "alexnet_paper", row, 1, rounds=1)["it"]
    parameters = sum(layer.parameters for layer in trace_shapes(row.stages, 227, 1000))
    least = 3 * 4 * parameters / 2**20
    assert least < peak.median < 4 * least


def test_processes_are_measured_in_turn(monkeypatch):
    calls = []
    peaks = iter([10, 1, 30, 3, 20, 5])

    def peak(train, *words):
        calls.append(words)
        return next(peaks)

    monkeypatch.setattr(processes, "in_new_process", peak)
    cases = {"ours": ("paddle", True), "torch": ("torch", False)}
    rows = peaks_of_training(cases, "net", None, 8, rounds=3)
    assert calls == [("paddle", True, "net", None, 8), ("torch", False, "net", None, 8)] * 3
    assert vars(rows["ours"]) == {"median": 20, "low": 15, "high": 25}
    assert vars(rows["torch"]) == {"median": 3, "low": 2, "high": 4}


@pytest.mark.slow
def test_the_stages_of_a_start_add_up_to_the_whole(flowers):
    stages = time_start(str(flowers), "alexnet", 4, rounds=1)
    medians = {name: timing.median for name, timing in stages.items()}
    assert min(medians.values()) > 0
    whole = medians.pop(ALL)
    del medians["second step"]
    assert sum(medians.values()) == pytest.approx(whole)

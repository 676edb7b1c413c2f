"""What a run says when it goes wrong."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest

from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.training.diagnostics import NonfiniteStep
from paddle_alexnet.training.stall_old import Warnings, class_prior_entropy

LABELS = [0] * 5 + [1] * 3 + [2] * 2


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_knowing_nothing(smoothing):
    """No answer that is the same for all pictures is better, and one is as good."""
    targets = np.full((len(LABELS), 3), smoothing / 3)
    targets[np.arange(len(LABELS)), LABELS] += 1 - smoothing

    def loss(answer):
        return -(targets * np.log(answer)).sum(axis=1).mean()

    least = class_prior_entropy(LABELS, smoothing)
    assert loss(targets.mean(axis=0)) == pytest.approx(least)
    rng = np.random.default_rng(0)
    assert all(loss(rng.dirichlet([5, 3, 2])) >= least for _ in range(200))


@pytest.mark.parametrize(
    ("early", "late", "steps", "warns"),
    [
        (1.02, 1.02, 200, True),
        (4.0, 1.02, 200, True),
        (1.02, 1.02, 190, False),
        (4.0, 0.9, 200, False),
        (4.0, 0.9, 2000, False),
    ],
)
def test_a_stall_is_told_once_with_advice(tmp_path, caplog, early, late, steps, warns):
    """The entropy of the labels is 1.03."""
    warnings = Warnings(RunDirectory(tmp_path), LABELS)
    for step in range(10, steps + 1, 10):
        warnings.on_log(None, {"loss": early if step <= 100 else late, "step": step})
    if warns:
        warnings.on_log(None, {"loss": late, "step": steps + 10})
    assert len(caplog.records) == warns
    if warns:
        assert "training stalls" in caplog.text and "docs/init.md" in caplog.text
        assert "1.030" in caplog.text


@pytest.mark.parametrize("skip", [True, False])
def test_an_update_that_is_not_finite_is_written_down(tmp_path, caplog, skip):
    caplog.set_level(logging.INFO)
    files = tuple(f"{i}.png" for i in range(9))
    update = NonfiniteStep(7, 0.01, float("nan"), {"block1": float("inf")}, files)
    warnings = Warnings(RunDirectory(tmp_path), LABELS)
    warnings.on_nonfinite(SimpleNamespace(skip_nonfinite=skip), update)
    written = json.loads((tmp_path / "nonfinite-7.json").read_text())
    assert written["files"] == list(files) and written["gradient_norms"] == {"block1": np.inf}
    assert ("left out: update 7" in caplog.text) == skip


def test_a_note_that_cannot_be_written_does_not_hide_what_it_is_about(tmp_path, caplog):
    (tmp_path / "nonfinite-7.json").mkdir()
    update = NonfiniteStep(7, 0.01, float("nan"), {"block1": float("inf")}, ("a.png",))
    warnings = Warnings(RunDirectory(tmp_path), LABELS)
    warnings.on_nonfinite(SimpleNamespace(skip_nonfinite=True), update)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("cannot write") and second.startswith("left out: update 7")

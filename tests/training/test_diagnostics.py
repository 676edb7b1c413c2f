"""What a run says when it goes wrong."""

import json
import logging

import numpy as np
import pytest

from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.log.run_log import RunLog
from paddle_alexnet.training.diagnostics import NonfiniteStep, StallDetector, class_prior_entropy

LABELS = [0] * 5 + [1] * 3 + [2] * 2


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_prior_entropy_is_the_best_constant_answer(smoothing):
    """No answer that is the same for all images is better, and one is as good."""
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
def test_a_stall_is_warned_of_once(caplog, early, late, steps, warns):
    """The entropy of the labels is 1.03."""
    stall = StallDetector(LABELS)
    for step in range(10, steps + 1, 10):
        stall.check(step, early if step <= 100 else late)
    if warns:
        stall.check(steps + 10, late)
    assert len(caplog.records) == warns
    if warns:
        assert "docs/init.md" in caplog.text
        assert "1.030" in caplog.text


@pytest.mark.parametrize("skip", [True, False])
def test_a_step_that_is_not_finite_is_written_down(tmp_path, caplog, skip):
    caplog.set_level(logging.INFO)
    files = tuple(f"{i}.png" for i in range(9))
    step = NonfiniteStep(7, 0.01, float("nan"), {"block1": float("inf")}, files)
    log = RunLog(RunDirectory(tmp_path), 1, None, None)
    log.nonfinite(step, skipping=skip)
    written = json.loads((tmp_path / "nonfinite-7.json").read_text())
    assert written["files"] == list(files) and written["gradient_norms"] == {"block1": np.inf}
    assert ("skipped: step 7" in caplog.text) == skip


def test_a_note_that_cannot_be_written_does_not_hide_what_it_is_about(tmp_path, caplog):
    (tmp_path / "nonfinite-7.json").mkdir()
    step = NonfiniteStep(7, 0.01, float("nan"), {"block1": float("inf")}, ("a.png",))
    RunLog(RunDirectory(tmp_path), 1, None, None).nonfinite(step, skipping=True)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("cannot write") and second.startswith("skipped: step 7")


def test_a_val_loss_that_is_not_finite_is_written_down(tmp_path):
    RunLog(RunDirectory(tmp_path), 1, None, None).nonfinite_val(3, float("inf"))
    written = json.loads((tmp_path / "nonfinite-val-3.json").read_text())
    assert written == {"epoch": 3, "loss": np.inf}


def test_a_resumed_run_is_judged_by_as_many_steps(caplog):
    """A mean over one batch is no stall."""
    stall = StallDetector(LABELS)
    stall.check(1005, 1.6)
    assert not caplog.records
    for step in range(1010, 1110, 5):
        stall.check(step, 1.6)
    assert len(caplog.records) == 1

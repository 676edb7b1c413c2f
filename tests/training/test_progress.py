"""Where a run is, there and back."""

import json

import pytest

from paddle_alexnet.training.state import TrainState


def test_there_and_back():
    progress = TrainState(epoch=2, step=14, best_top1=0.1 + 0.2, best_epoch=1)
    progress.window.add(8, 1.5, 3.0)
    assert TrainState.from_plain(json.loads(json.dumps(progress.plain()))) == progress


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "2"},
        {"epoch": 2.0},
        {"epoch": True},
        {"epoch": -1},
        {"step": 10**400},
        {"best_top1": None},
        {"best_top1": float("nan")},
        {"totals": {}, "more": 1},
        {"totals": []},
        {"window": {"updates": "1"}},
        {"window": {"more": 1}},
    ],
)
def test_what_is_no_progress(change):
    with pytest.raises((TypeError, KeyError)):
        TrainState.from_plain({**TrainState().plain(), **change})

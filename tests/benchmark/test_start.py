"""The start of a training in a process of its own, stage by stage."""

import pytest

from paddle_alexnet.benchmark.start import ALL, time_start


@pytest.mark.slow
def test_stages_make_up_the_whole(flowers):
    stages = time_start(flowers, "alexnet", 4, rounds=1)
    medians = {name: timing.median for name, timing in stages.items()}
    assert min(medians.values()) > 0
    whole = medians.pop(ALL)
    del medians["second update"]
    assert sum(medians.values()) == pytest.approx(whole)

"""Steps of two processes: bytes sent against the sizes of what crosses."""

import re
import sys

import pytest

from benchmarks.ranks import time_two
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.shapes import trace_shapes


@pytest.mark.parametrize(("model", "batch"), [("alexnet_paper", 8), ("alexnet_2012", 1)])
def test_what_cannot_be_measured(model, batch):
    with pytest.raises(ValueError, match=r"--model: alexnet_paper has" if batch > 1 else "--batch"):
        time_two(model, batch, rounds=1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counted by Linux only")
def test_bytes_sent_are_those_of_the_formula():
    """By hand: halves of 256 x 13 x 13, 256 x 6 x 6, 4096 and 4096 both ways, and of the logits."""
    batch = 2
    rows = time_two("alexnet_2012", batch, rounds=1)
    sent = {name.split(":")[0]: float(re.search(r"[\d.]+(?= MB)", name)[0]) for name in rows}
    crossing = 128 * 13 * 13 + 128 * 6 * 6 + 2048 + 2048
    assert sent["towers"] == pytest.approx(4 * batch * (2 * crossing + 500) / 1e6, rel=0.02)
    layers = trace_shapes(MODELS["alexnet_2012"].stages, 224, 1000)
    weights = sum(layer.parameters for layer in layers)
    for name in ("data", "data, compile none"):
        assert sent[name] == pytest.approx(4 * weights / 1e6, rel=0.01)
    assert min(timing.median for timing in rows.values()) > 0

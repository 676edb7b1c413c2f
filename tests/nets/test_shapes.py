"""The arithmetic against the numbers of the articles and the shapes that Paddle makes."""

import paddle
import paddle.nn.functional as F
import pytest

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.stages import Conv, Local, MaxPool

ARTICLE = {
    "conv1": ("(227 - 11) / 4 + 1 = 55", 96, 55),
    "pool1": ("(55 - 3) / 2 + 1 = 27", 96, 27),
    "conv2": ("(27 + 4 - 5) / 1 + 1 = 27", 256, 27),
    "pool2": ("(27 - 3) / 2 + 1 = 13", 256, 13),
    "conv3": ("(13 + 2 - 3) / 1 + 1 = 13", 384, 13),
    "conv4": ("(13 + 2 - 3) / 1 + 1 = 13", 384, 13),
    "conv5": ("(13 + 2 - 3) / 1 + 1 = 13", 256, 13),
    "pool5": ("(13 - 3) / 2 + 1 = 6", 256, 6),
    "fc6": ("256 x 6 x 6 = 9216 -> 4096", 4096, 1),
    "fc7": ("4096 -> 4096", 4096, 1),
    "fc8": ("4096 -> 1000", 1000, 1),
}


def test_the_arithmetic_of_the_article_shapes():
    layers = trace_shapes(MODELS["alexnet"].stages, 227, 1000)
    assert {x.name: (x.formula, x.channels, x.size) for x in layers} == ARTICLE


def test_rounding_down_is_said():
    first = trace_shapes(MODELS["alexnet_pad5"].stages, 224)[0]
    assert first.formula == "(224 + 10 - 11) / 4 + 1 = 56, rounded down"


@pytest.mark.parametrize("name", MODELS)
def test_every_stage_is_what_the_net_makes(name):
    net = build_model(name, 7, width=0.1)
    net.eval()
    layers = trace_shapes(net.stages, net.input_size, 7)
    assert sum(x.parameters for x in layers) == sum(p.size for p in net.parameters())
    x = paddle.zeros([1, 3, net.input_size, net.input_size])
    for number in range(1, len(net.stages) + 1):
        last = [s for s in layers if s.name.endswith(str(number))][-1]
        if last.name.startswith("fc"):
            break
        x = getattr(net, f"block{number}")(x)
        assert x.shape == [1, last.channels, last.size, last.size]


@pytest.mark.parametrize("side", [1, 10])
def test_a_window_must_fit(side):
    with pytest.raises(ValueError, match="a window of 11 does not fit"):
        trace_shapes(((Conv(4, 11, stride=4),),), side, 2)


@pytest.mark.parametrize("side", range(1, 8))
def test_a_window_may_reach_beyond_the_side_where_it_is_rounded_up(side):
    (layer,) = trace_shapes(((MaxPool(3, 2, round_up=True),),), side, 2)[:1]
    x = paddle.zeros([1, 3, side, side])
    assert layer.size == F.max_pool2d(x, 3, 2, ceil_mode=True).shape[-1]


def test_the_kernel_of_a_local_layer_is_odd():
    with pytest.raises(ValueError, match="odd, got 4"):
        Local(3, 4)

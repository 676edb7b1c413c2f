"""Nets by name."""

import paddle
import pytest

from paddle_alexnet import MODELS, build_model


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_takes_its_own_input(name):
    side = MODELS[name].preprocessing.input_size
    net = build_model(name, 7)
    net.eval()
    assert net(paddle.zeros([1, 3, side, side])).shape == [1, 7]


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match="alexnet"):
        build_model("lenet")

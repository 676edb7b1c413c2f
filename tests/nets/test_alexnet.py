"""AlexNet against the published table and the paper's arithmetic."""

import re
from dataclasses import dataclass

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet import MODELS, AlexNet, Classifier, build_model
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.layers import build_layer
from paddle_alexnet.nets.registry import Model
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.stages import Conv, Linear, MaxPool, Norm, ReLU, Spec
from paddle_alexnet.nets.weights import Description, net_arrays, write_weights

# The table published with the net: kind, input shape, output shape, parameters.
TABLE = """
Conv2D 1,3,227,227 1,96,55,55 34944
ReLU 1,96,55,55 1,96,55,55 0
AvgPool3D 1,1,96,55,55 1,1,96,55,55 0
LRN 1,96,55,55 1,96,55,55 0
MaxPool2D 1,96,55,55 1,96,27,27 0
Conv2D 1,96,27,27 1,256,27,27 307456
ReLU 1,256,27,27 1,256,27,27 0
AvgPool3D 1,1,256,27,27 1,1,256,27,27 0
LRN 1,256,27,27 1,256,27,27 0
MaxPool2D 1,256,27,27 1,256,13,13 0
Conv2D 1,256,13,13 1,384,13,13 885120
ReLU 1,384,13,13 1,384,13,13 0
Conv2D 1,384,13,13 1,384,13,13 1327488
ReLU 1,384,13,13 1,384,13,13 0
Conv2D 1,384,13,13 1,256,13,13 884992
ReLU 1,256,13,13 1,256,13,13 0
MaxPool2D 1,256,13,13 1,256,6,6 0
Flatten 1,256,6,6 1,9216 0
Linear 1,9216 1,4096 37752832
ReLU 1,4096 1,4096 0
Dropout 1,4096 1,4096 0
Linear 1,4096 1,4096 16781312
ReLU 1,4096 1,4096 0
Dropout 1,4096 1,4096 0
Linear 1,4096 1,1000 4097000
""".strip().splitlines()
TOTAL = 62_071_144


@pytest.fixture(scope="module")
def net():
    paddle.seed(0)
    return AlexNet()


def test_summary_is_the_published_table(net, capsys):
    totals = paddle.summary(net, (None, 3, 227, 227))
    rows = []
    for line in capsys.readouterr().out.splitlines():
        row = re.match(r"\s*(\w+)-\d+\s+\[\[([\d, ]+)\]\]\s+\[([\d, ]+)\]\s+([\d,]+)\s*$", line)
        if row:
            kind, given, made, count = row.groups()
            clean = (x.replace(" ", "") for x in (given, made))
            rows.append(" ".join([kind, *clean, count.replace(",", "")]))
    assert rows == TABLE
    assert totals == {"total_params": TOTAL, "trainable_params": TOTAL}


def test_forward_gives_logits_of_out_fc(net):
    """The published forward drops them and returns 4,096 features."""
    net.eval()
    x = paddle.randn([2, 3, 227, 227])
    features = net.block7(net.block6(net.flatten(_blocks(net, x))))
    logits = features @ net.out_fc.weight + net.out_fc.bias
    got = net(x)
    assert got.shape == [2, 1000]
    np.testing.assert_allclose(got.numpy(), logits.numpy(), rtol=1e-5, atol=1e-5)


def _blocks(net, x):
    for block in (net.block1, net.block2, net.block3, net.block4, net.block5):
        x = block(x)
    return x


@pytest.mark.parametrize("lrn", ["builtin", "fused"])
def test_forms_of_the_norm_agree(net, lrn):
    twin = AlexNet(lrn=lrn, dropout=0.0)
    twin.set_state_dict(net.state_dict())
    net.eval()
    twin.eval()
    x = paddle.randn([2, 3, 227, 227])
    want = net(x).numpy()
    np.testing.assert_allclose(twin(x).numpy(), want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"num_classes": 0}, "num_classes"),
        ({"dropout": 1.0}, "dropout"),
        ({"lrn": "no"}, "avgpool3d"),
        ({"init": "no"}, "he, he_small_head, paper"),
    ],
)
def test_bad_settings(values, word):
    with pytest.raises(ValueError, match=word):
        AlexNet(**{"num_classes": 5, **values})


def test_dropout_is_the_papers(net):
    """Half of the outputs of fc6 and fc7; as training scales the rest by 2, the mean is kept."""
    for block in (net.block6, net.block7):
        dropout = block[2]
        dropout.train()
        out = dropout(paddle.ones([200, 500])).numpy()
        assert set(np.unique(out)) == {0.0, 2.0}
        assert abs(out.mean() - 1) < 0.02  # six standard deviations


# A net of another depth and input size, as the CIFAR nets of cuda-convnet have them.
FOUR_LAYERS = (
    (Conv(8, 5, padding=2), ReLU(), MaxPool()),
    (Conv(8, 5, padding=2), ReLU(), Norm(), MaxPool()),
    (Conv(6, 3, padding=1), ReLU()),
)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_net_of_four_layers_on_24_pixels(channels_last):
    """The head directly after feature maps."""
    paddle.seed(0)
    settings = {"stages": FOUR_LAYERS, "input_size": 24, "channels_last": channels_last}
    net = AlexNet(10, init="he_small_head", **settings)
    names = {name for name, _ in net.named_parameters()}
    layers = ("block1.0", "block2.0", "block3.0", net.head)
    assert names == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    assert [name for name, _ in weighted_layers(net)] == ["conv1", "conv2", "conv3", "fc4"]
    # The small head is the last layer's, whatever its name.
    assert net.out_fc.weight.numpy().std() == pytest.approx(0.01, rel=0.2)
    assert net.block3[0].weight.numpy().std() == pytest.approx((2 / (8 * 9)) ** 0.5, rel=0.2)
    net.eval()
    x = paddle.randn([2, 3, 24, 24])
    rows = trace_shapes(net.stages, 24, 10)
    assert [(row.name, row.channels, row.size) for row in rows] == [
        *(("conv1", 8, 24), ("pool1", 8, 11), ("conv2", 8, 11), ("pool2", 8, 5)),
        *(("conv3", 6, 5), ("fc4", 10, 1)),
    ]
    assert sum(row.parameters for row in rows) == sum(p.size for p in net.parameters())
    maps = net.block3(net.block2(net.block1(x.transpose([0, 2, 3, 1]) if channels_last else x)))
    assert sorted(maps.shape[1:]) == [5, 5, 6]
    features = (maps.transpose([0, 3, 1, 2]) if channels_last else maps).reshape([2, -1])
    want = features.numpy() @ net.out_fc.weight.numpy() + net.out_fc.bias.numpy()
    np.testing.assert_allclose(net(x).numpy(), want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="24, 24"):
        net(paddle.randn([2, 3, 227, 227]))


def test_a_net_of_four_layers_is_saved_and_loaded(tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "four", Model(FOUR_LAYERS, Preprocessing(24, 24)))
    net = build_model("four", 3, width=0.5)
    assert net.stages[0][0].channels == 4
    description = Description("four", ("a", "b", "c"), Preprocessing(24, 24), width=0.5)
    write_weights(tmp_path / "w.safetensors", net_arrays(net), description)
    classifier = Classifier.load(tmp_path / "w.safetensors")
    assert classifier.description == description
    for name, array in net_arrays(net).items():
        np.testing.assert_array_equal(net_arrays(classifier.net)[name], array)


def test_a_layer_on_feature_maps_after_one_on_features():
    with pytest.raises(ValueError, match="stage 2: Conv"):
        AlexNet(3, stages=((Linear(4),), (Conv(2, 1),)), input_size=8)


@dataclass(frozen=True)
class Double(Spec):
    """A kind of layer that the package does not have."""


def test_a_kind_of_layer_from_outside_the_package():
    class Twice(nn.Layer):
        def forward(self, x):
            return 2 * x

    build_layer.register(Double, lambda spec, shape, options: Twice())
    nets = [AlexNet(3, stages=stages, input_size=4) for stages in ((), ((Double(),),))]
    nets[1].set_state_dict(nets[0].state_dict())
    x = paddle.randn([2, 3, 4, 4])
    np.testing.assert_allclose(nets[1](x).numpy(), nets[0](2 * x).numpy(), rtol=1e-5)
    with pytest.raises(TypeError, match="Spec"):
        build_layer(Spec(), (3, 4, 4), None)

"""AlexNet against the published table and the paper's arithmetic."""

import re

import numpy as np
import paddle
import pytest

from paddle_alexnet import AlexNet

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

"""Statistics of blocks against numpy in float64."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.nets import block_statistics
from paddle_alexnet.nets.block_statistics import measure_blocks

N, D, H, C = 10, 4, 6, 3


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Dropout(0.5))
        self.flatten = nn.Flatten()
        self.out_fc = nn.Linear(H, C)

    def forward(self, x):
        return self.out_fc(self.flatten(self.block1(x)))


@pytest.fixture
def net():
    paddle.seed(0)
    net = Net()
    # Unit 0 is never active, unit 1 for the last image alone.
    bias = net.block1[0].bias.numpy()
    weight = net.block1[0].weight.numpy()
    weight[:, :2], bias[:2] = 0, -1
    weight[0, 1] = 1
    net.block1[0].weight.set_value(weight)
    net.block1[0].bias.set_value(bias)
    net.train()
    return net


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((N, D)).astype("float32").clip(-0.9, 0.9)
    inputs[-1, 0] = 5
    return inputs, rng.integers(0, C, N)


@pytest.mark.parametrize("batch_size", [N, 4, 1])
def test_against_numpy(net, images, batch_size):
    inputs, labels = images
    w1, b1, w2, b2 = (p.numpy().astype(float) for p in net.parameters())
    hidden = np.maximum(0, inputs @ w1 + b1)
    logits = hidden @ w2 + b2
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    back = (softmax - np.eye(C)[labels]) / N
    got = measure_blocks(net, paddle.to_tensor(inputs), paddle.to_tensor(labels), batch_size)
    assert list(got) == ["block1", "out_fc"]
    block, head = got["block1"], got["out_fc"]
    np.testing.assert_array_equal(block.weights, w1.flatten().astype("float32"))
    np.testing.assert_allclose(head.gradients, (hidden.T @ back).flatten(), atol=1e-6)
    first = inputs.T @ ((back @ w2.T) * (hidden > 0))
    np.testing.assert_allclose(block.gradients, first.flatten(), atol=1e-6)
    np.testing.assert_allclose(block.activations, hidden.flatten(), atol=1e-5)
    assert block.dead == pytest.approx((hidden == 0).all(axis=0).mean())
    assert 1 / H <= block.dead < 1
    assert head.dead is None


def test_nothing_of_the_net_changes(net, images):
    inputs, labels = map(paddle.to_tensor, images)
    measure_blocks(net, inputs, labels, N)
    assert net.training
    assert all(p.grad is None for p in net.parameters())
    before = paddle.get_rng_state()[0].current_seed()
    paddle.seed(7)
    drawn = paddle.rand([3]).numpy()
    paddle.seed(7)
    measure_blocks(net, inputs, labels, N)
    assert (paddle.rand([3]).numpy() == drawn).all()
    paddle.seed(before)


def test_large_blocks_are_sampled(net, images, monkeypatch):
    monkeypatch.setattr(block_statistics, "SAMPLED", 8)
    inputs, labels = map(paddle.to_tensor, images)
    block = measure_blocks(net, inputs, labels, N)["block1"]
    whole = net.block1[0].weight.numpy().flatten()
    assert block.weights.tolist() == whole[::3].tolist()  # 24 values, every third
    assert len(block.activations) <= 8

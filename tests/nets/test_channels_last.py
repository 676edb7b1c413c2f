"""Nets that compute in NHWC against the same nets in NCHW."""

import subprocess
import sys

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.nets.lrn import LRN_KINDS


def twins(name, lrn, **more):
    """Two nets of the same weights, the second in NHWC."""
    paddle.seed(0)
    nets = [
        build_model(name, 5, lrn=lrn, init="he", width=0.08, channels_last=last, **more)
        for last in (False, True)
    ]
    nets[1].set_state_dict(nets[0].state_dict())
    return nets


def images(net, count=4):
    side = net.input_size
    pixels = np.random.default_rng(0).standard_normal((count, 3, side, side))
    return paddle.to_tensor(pixels.astype(np.float32))


def results(net, x):
    """Logits, and the gradients of the images and of all parameters."""
    x = x.detach()
    x.stop_gradient = False
    logits = net(x)
    F.cross_entropy(logits, paddle.to_tensor([0, 1, 2, 3]), reduction="sum").backward()
    return [t.numpy() for t in (logits, x.grad, *(p.grad for p in net.parameters()))]


def assert_alike(got, want):
    for one, other in zip(got, want, strict=True):
        assert one.shape == other.shape
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other)


@pytest.mark.parametrize("lrn", LRN_KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_logits_and_gradients_are_the_same(name, lrn):
    usual, last = twins(name, lrn, dropout=0.0)
    shapes = []
    last.block2[0].register_forward_post_hook(lambda _, x, out: shapes.append(out.shape))
    assert_alike(results(last, images(last)), results(usual, images(usual)))
    assert shapes[0][3] == usual.block2[0].weight.shape[0]


@pytest.mark.slow
def test_in_a_graph_too():
    """In a process of its own: in this one, graphs with oneDNN would fail after it."""
    subprocess.run([sys.executable, "-W", "ignore", __file__], check=True)


def test_evaluation_is_the_same():
    usual, last = twins("alexnet", "fused")
    usual.eval()
    last.eval()
    np.testing.assert_allclose(
        last(images(last)).numpy(), usual(images(usual)).numpy(), rtol=1e-5, atol=1e-6
    )


if __name__ == "__main__":
    for kind in LRN_KINDS:
        net, twin = twins("alexnet_2012", kind, dropout=0.0)
        graph = paddle.jit.to_static(twin, full_graph=True)
        assert_alike(results(graph, images(twin)), results(net, images(net)))

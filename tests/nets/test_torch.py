"""``alexnet_owt`` and ``alexnet_pad2`` against torch: forward, loss, gradients, one step.

In float32 on narrow nets, against torch's numbers that are stored here. Where torch is installed
also at full width, in float64: among millions of float32 values some lie within rounding of a kink
of ReLU or of a tie of a maximum, and two correct programs then differ.
"""

import importlib.util

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

from paddle_alexnet import build_model
from paddle_alexnet.config.schema import OptimizerConfig
from paddle_alexnet.training.optimizer import build_optimizer
from tests.references import (
    CHANNELS,
    CLASSES,
    DECAY,
    LR,
    MOMENTUM,
    VECTORS,
    compute_with_torch,
    make_inputs,
    sampled,
)

TORCH = importlib.util.find_spec("torch") is not None
# The nets differ in where the response norm is; its forms must not differ.
CASES = [("alexnet_owt", "avgpool3d"), ("alexnet_pad2", "avgpool3d"), ("alexnet_pad2", "fused")]


def as_torch(array):
    """Linear weights are [out, in] there."""
    return array.T if array.ndim == 2 else array


def compute_with_paddle(name, width, lrn, dtype="float32"):
    weights, images, labels = make_inputs(name, width)
    net = build_model(name, CLASSES, lrn=lrn, width=width, dropout=0.0).to(dtype=dtype)
    parameters = net.parameters()
    for parameter, value in zip(parameters, weights, strict=True):
        parameter.set_value(as_torch(value).astype(dtype))
    keys = OptimizerConfig(lr=LR, momentum=MOMENTUM, weight_decay=DECAY, decay_biases=True)
    optimizer = build_optimizer(keys, net)
    logits = net(paddle.to_tensor(images.astype(dtype)))
    loss = F.cross_entropy(logits, paddle.to_tensor(labels))
    loss.backward()
    gradients = [as_torch(p.grad.numpy()) for p in parameters]
    optimizer.step()
    return {
        "logits": logits.numpy(),
        "loss": loss.numpy(),
        **{f"gradient{i}": g for i, g in enumerate(gradients)},
        **{f"updated{i}": as_torch(p.numpy()) for i, p in enumerate(parameters)},
    }


def assert_equal(got, want, tolerance=1e-5):
    """To a fraction of the largest magnitude of each array."""
    assert got.keys() == want.keys()
    for key, array in want.items():
        scale = np.abs(array).max()
        np.testing.assert_allclose(got[key], array, rtol=0, atol=tolerance * scale, err_msg=key)


@pytest.mark.parametrize(("name", "lrn"), CASES)
def test_stored_vectors(name, lrn):
    with np.load(VECTORS / f"{name}.npz") as file:
        want = dict(file)
    got = {key: sampled(array) for key, array in compute_with_paddle(name, 0.02, lrn).items()}
    assert_equal(got, want)


@pytest.mark.skipif(not TORCH, reason="torch is not installed; the stored vectors are compared")
@pytest.mark.parametrize(("name", "lrn"), CASES)
def test_full_width_with_torch(name, lrn):
    got = compute_with_paddle(name, 1.0, lrn, "float64")
    # The constants of our norm and of torch's are float32 or float64 at different places.
    assert_equal(got, compute_with_torch(name, 1.0, "float64"), 1e-7)


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
@pytest.mark.parametrize("name", CHANNELS)
def test_the_stored_vectors_are_torchs(name):
    with np.load(VECTORS / f"{name}.npz") as file:
        want = dict(file)
    got = {key: sampled(array) for key, array in compute_with_torch(name, 0.02).items()}
    assert_equal(got, want)

"""Updates against numpy in float64."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.config.keys import OptimizerKeys
from paddle_alexnet.training.optimizer import (
    build_optimizer,
    optimizer_arrays,
    restore_optimizer,
)

RATES = [0.1] * 4 + [0.01] * 6


def linear():
    layer = nn.Linear(3, 2)
    rng = np.random.default_rng(0)
    layer.weight.set_value(rng.normal(0, 1, (3, 2)).astype(np.float32))
    layer.bias.set_value(rng.normal(0, 1, 2).astype(np.float32))
    return layer


def gradients():
    rng = np.random.default_rng(1)
    return [(rng.normal(0, 1, (3, 2)), rng.normal(0, 1, 2)) for _ in RATES]


def step(optimizer, layer, rate, grads):
    optimizer.set_lr(rate)
    for parameter, grad in zip((layer.weight, layer.bias), grads, strict=True):
        parameter.grad = paddle.to_tensor(grad.astype(np.float32))
    optimizer.step()
    optimizer.clear_grad(set_to_zero=False)


def momentum_by_hand(nesterov, decay, clip):
    layer = linear()
    values = [layer.weight.numpy().astype(float), layer.bias.numpy().astype(float)]
    speed = [np.zeros_like(v) for v in values]
    for rate, grads in zip(RATES, gradients(), strict=True):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        scale = 1.0 if clip is None else clip / max(norm, clip)
        for i, grad in enumerate(grads):
            g = grad * scale + (decay * values[i] if i == 0 else 0)  # no decay on biases
            speed[i] = 0.9 * speed[i] + g
            values[i] = values[i] - rate * (g + 0.9 * speed[i] if nesterov else speed[i])
    return values


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("clip", [None, 1.5])
def test_momentum_over_ten_steps_and_a_drop_of_lr(nesterov, decay, clip):
    layer = linear()
    keys = OptimizerKeys(momentum=0.9, nesterov=nesterov, weight_decay=decay, clip_norm=clip)
    optimizer = build_optimizer(keys, layer)
    for rate, grads in zip(RATES, gradients(), strict=True):
        step(optimizer, layer, rate, grads)
    weight, bias = momentum_by_hand(nesterov, decay, clip)
    np.testing.assert_allclose(layer.weight.numpy(), weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.bias.numpy(), bias, rtol=1e-5, atol=1e-6)


def test_adam_first_step_has_the_length_of_lr():
    layer, before = linear(), linear().weight.numpy()
    optimizer = build_optimizer(OptimizerKeys(name="adam"), layer)
    grads = gradients()[0]
    step(optimizer, layer, 0.1, grads)
    np.testing.assert_allclose(layer.weight.numpy(), before - 0.1 * np.sign(grads[0]), rtol=1e-4)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_going_on_from_the_arrays(name):
    keys = OptimizerKeys(name=name)
    whole = linear()
    optimizer = build_optimizer(keys, whole)
    for rate, grads in zip(RATES, gradients(), strict=True):
        step(optimizer, whole, rate, grads)

    first = linear()
    optimizer = build_optimizer(keys, first)
    for rate, grads in list(zip(RATES, gradients(), strict=True))[:5]:
        step(optimizer, first, rate, grads)
    arrays = optimizer_arrays(optimizer, first)
    assert {key.split("/")[0] for key in arrays} == {"weight", "bias"}

    second = linear()  # Paddle's own names of its parameters differ from those of first
    second.weight.set_value(first.weight)
    second.bias.set_value(first.bias)
    optimizer = build_optimizer(keys, second)
    restore_optimizer(optimizer, second, arrays)
    for rate, grads in list(zip(RATES, gradients(), strict=True))[5:]:
        step(optimizer, second, rate, grads)
    np.testing.assert_array_equal(second.weight.numpy(), whole.weight.numpy())
    np.testing.assert_array_equal(second.bias.numpy(), whole.bias.numpy())

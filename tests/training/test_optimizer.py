"""Optimizer, clipping and moving average against numpy in float64."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet import build_model
from paddle_alexnet.config.schema import OptimizerConfig, ScheduleConfig
from paddle_alexnet.training.optimizer import (
    ExponentialMovingAverage,
    build_optimizer,
    clip_gradients,
    optimizer_arrays,
    restore_optimizer,
)
from paddle_alexnet.training.schedule import SCHEDULES

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


def step(optimizer, layer, rate, grads, clip=None):
    optimizer.set_lr(rate)
    for parameter, grad in zip((layer.weight, layer.bias), grads, strict=True):
        parameter.grad = paddle.to_tensor(grad.astype(np.float32))
    clip_gradients(layer.parameters(), np.sqrt(sum((g**2).sum() for g in grads)), clip)
    optimizer.step()
    optimizer.clear_grad(set_to_zero=False)


def momentum_by_hand(nesterov, decay, clip, decay_biases=False):
    layer = linear()
    values = [layer.weight.numpy().astype(float), layer.bias.numpy().astype(float)]
    speed = [np.zeros_like(v) for v in values]
    for rate, grads in zip(RATES, gradients(), strict=True):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        scale = 1.0 if clip is None else clip / max(norm, clip)
        for i, grad in enumerate(grads):
            g = grad * scale + (decay * values[i] if i == 0 or decay_biases else 0)
            speed[i] = 0.9 * speed[i] + g
            values[i] = values[i] - rate * (g + 0.9 * speed[i] if nesterov else speed[i])
    return values


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("clip", [None, 1.5])
def test_momentum_over_ten_steps_and_a_drop_of_lr(nesterov, decay, clip):
    layer = linear()
    keys = OptimizerConfig(momentum=0.9, nesterov=nesterov, weight_decay=decay)
    optimizer = build_optimizer(keys, layer)
    for rate, grads in zip(RATES, gradients(), strict=True):
        step(optimizer, layer, rate, grads, clip)
    weight, bias = momentum_by_hand(nesterov, decay, clip)
    np.testing.assert_allclose(layer.weight.numpy(), weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.bias.numpy(), bias, rtol=1e-5, atol=1e-6)


def test_biases_decay_on_request():
    layer = linear()
    keys = OptimizerConfig(momentum=0.9, weight_decay=0.1, decay_biases=True)
    optimizer = build_optimizer(keys, layer)
    for rate, grads in zip(RATES, gradients(), strict=True):
        step(optimizer, layer, rate, grads)
    weight, bias = momentum_by_hand(False, 0.1, None, decay_biases=True)
    np.testing.assert_allclose(layer.weight.numpy(), weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.bias.numpy(), bias, rtol=1e-5, atol=1e-6)


def test_biases_at_twice_the_current_rate():
    """Caffe's rule: the bias' rate falls with that of the weights."""
    layer = linear()
    optimizer = build_optimizer(OptimizerConfig(momentum=0.9, bias_lr="double"), layer)
    for rate, grads in zip(RATES, gradients(), strict=True):
        step(optimizer, layer, rate, grads)
    weight, _ = momentum_by_hand(False, 0.0, None)
    np.testing.assert_allclose(layer.weight.numpy(), weight, rtol=1e-5, atol=1e-6)
    bias, speed = linear().bias.numpy().astype(float), 0.0
    for rate, (_, grad) in zip(RATES, gradients(), strict=True):
        speed = 0.9 * speed + grad
        bias = bias - 2 * rate * speed
    np.testing.assert_allclose(layer.bias.numpy(), bias, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("clip", "bias_lr"), [(None, "same"), (1.5, "same"), (None, 0.005)])
def test_krizhevsky2012_over_ten_steps_and_a_drop_of_lr(decay, clip, bias_lr):
    """v = .9 v - d lr w - lr g; w = w + v; biases at .02 or another constant, not decayed."""
    layer = linear()
    keys = OptimizerConfig(name="krizhevsky2012", weight_decay=decay, bias_lr=bias_lr)
    optimizer = build_optimizer(keys, layer)
    weight, bias = (v.numpy().astype(float) for v in (layer.weight, layer.bias))
    speed_w, speed_b = 0.0, 0.0
    for rate, (grad_w, grad_b) in zip(RATES, gradients(), strict=True):
        step(optimizer, layer, rate, (grad_w, grad_b), clip)
        assert optimizer.get_lr() == rate
        norm = np.sqrt((grad_w**2).sum() + (grad_b**2).sum())
        scale = 1.0 if clip is None else clip / max(norm, clip)
        speed_w = 0.9 * speed_w - decay * rate * weight - rate * grad_w * scale
        speed_b = 0.9 * speed_b - (0.02 if bias_lr == "same" else bias_lr) * grad_b * scale
        weight, bias = weight + speed_w, bias + speed_b
    np.testing.assert_allclose(layer.weight.numpy(), weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.bias.numpy(), bias, rtol=1e-5, atol=1e-6)
    # Where the rate drops, the two rules part.
    other, _ = momentum_by_hand(False, decay, clip)
    assert np.abs(other - weight).max() > 1e-2


def test_conv1_slows_down_and_freezes_under_epochs2012():
    """Epochs of ten steps, seen from 66 to 73: by the formula, then still, velocity included."""
    keys = ScheduleConfig(name="epochs2012")
    schedule = SCHEDULES[keys.name](keys, peak_lr=0.01, epochs=90, steps_per_epoch=10)
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = build_optimizer(OptimizerConfig(name="krizhevsky2012", weight_decay=0.1), net)
    values = {name: p.numpy().astype(float) for name, p in net.named_parameters()}
    speed = dict.fromkeys(values, 0.0)
    rng = np.random.default_rng(0)
    for step_number in range(660, 740):
        epoch = step_number // 10
        for name, parameter in net.named_parameters():
            grad = rng.normal(0, 1, parameter.shape)
            parameter.grad = paddle.to_tensor(grad.astype(np.float32))
            if name.startswith("0.") and epoch >= 72:
                continue
            rate = 1e-5 if name.startswith("0.") and epoch >= 67 else 1e-4
            if name.endswith("bias"):
                speed[name] = 0.9 * speed[name] - 0.02 * grad
            else:
                speed[name] = 0.9 * speed[name] - rate * (grad + 0.1 * values[name])
            values[name] = values[name] + speed[name]
        schedule.apply(optimizer, step_number)
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
    for name, parameter in net.named_parameters():
        np.testing.assert_allclose(parameter.numpy(), values[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("decay_biases", [False, True])
@pytest.mark.parametrize("name", ["krizhevsky2012", "momentum"])
def test_weight_decay_by_layer(name, decay_biases):
    """One step with gradients of 1: w - lr * (1 + d w). Unshared biases are no vectors."""
    if name == "krizhevsky2012" and decay_biases:
        return  # refused when the configuration is read
    paddle.seed(0)
    net = build_model("cifar_13pct", 3, width=0.1, init="he")
    rng = np.random.default_rng(0)
    for parameter in net.parameters():
        parameter.set_value(rng.normal(0, 1, parameter.shape).astype(np.float32))
    before = {key: p.numpy().astype(float) for key, p in net.named_parameters()}
    decays = {"conv2": 0.3, "local3": 0.5, "fc5": 1.0}
    keys = OptimizerConfig(name=name, lr=0.1, weight_decay=decays, decay_biases=decay_biases)
    optimizer = build_optimizer(keys, net)
    for parameter in net.parameters():
        parameter.grad = paddle.ones_like(parameter)
    optimizer.step()
    by_block = {"block2.0": 0.3, "block3.0": 0.5, "out_fc": 1.0}
    for key, parameter in net.named_parameters():
        layer, _, kind = key.rpartition(".")
        rate = 0.02 if kind == "bias" and name == "krizhevsky2012" else 0.1
        decay = by_block.get(layer, 0.0) if kind == "weight" or decay_biases else 0.0
        want = before[key] - rate * (1 + decay * before[key])
        np.testing.assert_allclose(parameter.numpy(), want, rtol=1e-4, atol=1e-6, err_msg=key)


def test_adam_first_step_has_the_length_of_lr():
    layer, before = linear(), linear().weight.numpy()
    optimizer = build_optimizer(OptimizerConfig(name="adam"), layer)
    grads = gradients()[0]
    step(optimizer, layer, 0.1, grads)
    np.testing.assert_allclose(layer.weight.numpy(), before - 0.1 * np.sign(grads[0]), rtol=1e-4)


@pytest.mark.parametrize("name", ["momentum", "adam", "krizhevsky2012"])
def test_going_on_from_the_arrays(name):
    keys = OptimizerConfig(name=name)
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight/velocity_0": np.zeros(1, np.float32)}, "is float32 [1]"),
        ({"weight/velocity_0": np.zeros((3, 2))}, "is float64"),
        ({"bias/velocity_0": np.full(2, np.nan, np.float32)}, "not finite"),
        ({"bias/velocity_0": None}, "lacks accumulators"),
        ({"other/velocity_0": np.zeros(2, np.float32)}, "other"),
        ({"velocity_0": np.zeros(2, np.float32)}, "unpack"),
    ],
)
def test_arrays_that_are_not_of_this_net(change, words):
    layer = linear()
    optimizer = build_optimizer(OptimizerConfig(), layer)
    step(optimizer, layer, 0.1, gradients()[0])
    arrays = {**optimizer_arrays(optimizer, layer), **change}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises((ValueError, KeyError)) as caught:
        restore_optimizer(optimizer, layer, arrays)
    assert words in str(caught.value)


def test_the_moving_average_is_its_formula():
    net = nn.Linear(2, 2)
    rng = np.random.default_rng(0)
    want = net.weight.numpy().astype(float)
    average = ExponentialMovingAverage(net, 0.8)
    for step in range(60):
        value = rng.normal(0, 1, (2, 2)).astype(np.float32)
        net.weight.set_value(value)
        average.update(step)
        decay = min(0.8, (1 + step) / (10 + step))
        want = decay * want + (1 - decay) * value
    with average.in_place():
        np.testing.assert_allclose(net.weight.numpy(), want, rtol=1e-5)
    np.testing.assert_array_equal(net.weight.numpy(), value)
    twin = ExponentialMovingAverage(nn.Linear(2, 2), 0.8)
    twin.restore(average.arrays())
    np.testing.assert_array_equal(twin.arrays()["weight"], average.arrays()["weight"])


def test_an_error_in_the_block_gives_the_weights_back():
    net = nn.Linear(2, 2)
    average = ExponentialMovingAverage(net, 0.5)
    net.weight.set_value(np.ones((2, 2), np.float32))
    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError
    assert (net.weight.numpy() == 1).all()


@pytest.mark.parametrize(
    "change",
    [
        {"weight": None},
        {"other": np.zeros(2, np.float32)},
        {"weight": np.zeros((2, 3), np.float32)},
        {"weight": np.zeros((2, 2))},
        {"bias": np.full(2, np.inf, np.float32)},
    ],
)
def test_averages_of_another_net_are_refused(change):
    average = ExponentialMovingAverage(nn.Linear(2, 2), 0.5)
    arrays = {**average.arrays(), **change}
    with pytest.raises(ValueError, match="average"):
        average.restore({name: array for name, array in arrays.items() if array is not None})

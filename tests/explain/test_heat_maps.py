"""Heat maps against numpy in float64, brute force and finite differences."""

import numpy as np
import paddle
import pytest

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.explain.heat_maps import feature_layers, grad_cam, occlusion, saliency
from paddle_alexnet.nets.alexnet import AlexNet
from paddle_alexnet.nets.layers import Normalize
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.stages import AvgPool, Conv, Dropout, Linear, MaxPool, Norm, ReLU

SIDE = 12
# The head sees the mean of 4 x 4 places; a norm whose gradient is by hand; dropout.
STAGES = (
    (Conv(4, 3, stride=1, padding=1), ReLU(), Norm(alpha=0.5, local_size=3)),
    (Conv(6, 3, padding=1), ReLU(), AvgPool(3, 3)),
    (Linear(8), ReLU(), Dropout(0.5)),
)
NORMALIZE = Normalize((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
IMAGES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
CLASSES = [2, 0, 4]


@pytest.fixture
def net():
    paddle.seed(3)
    return AlexNet(5, stages=STAGES, input_size=SIDE, lrn="fused")


def weights(net, name):
    return getattr(net, name)[0] if name.startswith("block") else getattr(net, name)


def linear(net, name, values):
    layer = weights(net, name)
    return values @ layer.weight.numpy().astype(float) + layer.bias.numpy().astype(float)


def convolve(net, name, maps):
    """3 x 3 with a border of zeros; float64 [C, S, S], one place after the other."""
    layer = weights(net, name)
    kernel, bias = (value.numpy().astype(float) for value in (layer.weight, layer.bias))
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    result = np.empty((len(kernel), *maps.shape[1:]))
    for y, x in np.ndindex(*maps.shape[1:]):
        result[:, y, x] = (kernel * padded[:, y : y + 3, x : x + 3]).sum(axis=(1, 2, 3)) + bias
    return result


def block1(net, image):
    scaled = (image / 255 - (0.4, 0.5, 0.6)) / (0.2, 0.25, 0.3)
    maps = np.maximum(convolve(net, "block1", scaled.transpose(2, 0, 1)), 0)
    squares = np.pad(maps**2, ((1, 1), (0, 0), (0, 0)))
    mean = (squares[:-2] + squares[1:-1] + squares[2:]) / 3
    return maps / (1 + 0.5 * mean) ** 0.75


def block2(net, maps):
    active = np.maximum(convolve(net, "block2", maps), 0)
    side = SIDE // 3
    return active.reshape(len(active), side, 3, side, 3).mean(axis=(2, 4))


def head(net, maps):
    return linear(net, "out_fc", np.maximum(linear(net, "block3", maps.reshape(-1)), 0))


def gradient(function, values):
    """By central differences in float64."""
    result = np.empty_like(values)
    for place in np.ndindex(*values.shape):
        step = np.zeros_like(values)
        step[place] = 1e-5
        result[place] = (function(values + step) - function(values - step)) / 2e-5
    return result


def enlarge(heat, side):
    """Bilinear, with pixels as areas: the centre of the first lies at half a pixel."""
    places = (np.arange(side) + 0.5) * len(heat) / side - 0.5
    places = np.clip(places, 0, len(heat) - 1)
    low = np.minimum(places.astype(int), len(heat) - 2)
    part = places - low
    mix = np.zeros((side, len(heat)))
    mix[np.arange(side), low] = 1 - part
    mix[np.arange(side), low + 1] = part
    return mix @ heat @ mix.T


@pytest.mark.parametrize("layer", ["block1", "block2"])
def test_grad_cam_by_hand(net, layer):
    got = grad_cam(net, NORMALIZE, IMAGES, layer, CLASSES)
    assert got.dtype == np.float32
    assert got.max() > 0
    for image, label, heat in zip(IMAGES, CLASSES, got, strict=True):
        maps, rest = block1(net, image), lambda maps: head(net, block2(net, maps))
        if layer == "block2":
            maps, rest = block2(net, maps), lambda maps: head(net, maps)
        slopes = gradient(lambda maps, f=rest, c=label: f(maps)[c], maps)
        alpha = slopes.mean(axis=(1, 2))
        wanted = enlarge(np.maximum(np.tensordot(alpha, maps, 1), 0), SIDE)
        np.testing.assert_allclose(heat, wanted, rtol=1e-4, atol=1e-5 * wanted.max() + 1e-9)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


def test_occlusion_by_brute_force(net):
    """A window of 4, step 2, whose colour is the mean pixel; pixels are covered four times."""
    got = occlusion(net, NORMALIZE, IMAGES, CLASSES, window=4, stride=2)
    mean = np.array((0.4, 0.5, 0.6)) * 255
    for image, label, heat in zip(IMAGES, CLASSES, got, strict=True):
        whole = softmax(head(net, block2(net, block1(net, image))))[label]
        falls = [[[] for _ in range(SIDE)] for _ in range(SIDE)]
        for top in range(-2, SIDE, 2):
            for left in range(-2, SIDE, 2):
                covered = image.astype(float)
                inside = [
                    (y, x)
                    for y in range(max(0, top), min(SIDE, top + 4))
                    for x in range(max(0, left), min(SIDE, left + 4))
                ]
                for y, x in inside:
                    covered[y, x] = mean
                score = softmax(head(net, block2(net, block1(net, covered))))[label]
                for y, x in inside:
                    falls[y][x].append(whole - score)
        assert {len(place) for row in falls for place in row} == {4}
        np.testing.assert_allclose(heat, np.mean(falls, axis=2), atol=1e-5)


def test_saliency_by_finite_differences(net):
    got = saliency(net, NORMALIZE, IMAGES[:1], CLASSES[:1])[0]
    slopes = gradient(
        lambda pixels: head(net, block2(net, block1(net, pixels)))[CLASSES[0]],
        IMAGES[0].astype(float),
    )
    wanted = np.abs(slopes).max(axis=2)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4 * wanted.max())


def test_the_net_is_left_as_it_was(net):
    net.train()
    first = net.block1[0].weight
    first.stop_gradient = True
    with paddle.no_grad():
        twice = [grad_cam(net, NORMALIZE, IMAGES, "block2", CLASSES) for _ in range(2)]
    np.testing.assert_array_equal(*twice)  # without dropout
    assert net.training
    assert first.stop_gradient
    assert not net.out_fc.weight.stop_gradient
    assert net.out_fc.weight.grad is None


@pytest.mark.parametrize("name", MODELS)
def test_every_net(name):
    net = build_model(name, 3, lrn="fused", width=0.05)
    preprocessing = MODELS[name].preprocessing
    side = preprocessing.input_size
    images = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    normalize = Normalize(preprocessing.mean, preprocessing.std)
    layers = feature_layers(net)
    assert layers == [f"block{i + 1}" for i in range(len(layers))]
    assert len(layers) == {"cifar_18pct": 3, "cifar_13pct": 4, "cifar_11pct": 4}.get(name, 5)
    for layer in layers:
        heat = grad_cam(net, normalize, images, layer, [1])
        assert heat.shape == (1, side, side)
        assert np.isfinite(heat).all()
        assert heat.min() >= 0
    assert saliency(net, normalize, images, [1]).shape == (1, side, side)


def test_channels_last_gives_the_same_maps(net):
    other = AlexNet(5, stages=STAGES, input_size=SIDE, lrn="fused", channels_last=True)
    other.set_state_dict(net.state_dict())
    for layer in ("block1", "block2"):
        maps = [grad_cam(each, NORMALIZE, IMAGES, layer, CLASSES) for each in (net, other)]
        np.testing.assert_allclose(*maps, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", ["block3", "flatten", "out_fc", "block9", ""])
def test_layers_without_feature_maps(net, layer):
    with pytest.raises(ConfigError, match=r"block1, block2$") as error:
        grad_cam(net, NORMALIZE, IMAGES, layer, CLASSES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("window", "stride"), [(2, 3), (0, 1), (4, 0)])
def test_squares_that_leave_pixels_out(net, window, stride):
    with pytest.raises(ValueError, match="stride <= window"):
        occlusion(net, NORMALIZE, IMAGES, CLASSES, window=window, stride=stride)


def test_a_net_without_hidden_linear_layers():
    net = AlexNet(2, stages=((Conv(2, 3), ReLU()), (Conv(2, 3), MaxPool())), input_size=9)
    assert feature_layers(net) == ["block1", "block2"]

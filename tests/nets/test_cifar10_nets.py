"""cuda-convnet's nets for CIFAR-10 against float64 forwards in numpy, from its layer files."""

import math

import numpy as np
import paddle
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.layers import Local2D
from paddle_alexnet.nets.lrn import LRN_KINDS
from paddle_alexnet.nets.shapes import trace_shapes

PARAMETERS = {"cifar_13pct": 1_116_490, "cifar_11pct": 2_112_970, "cifar_18pct": 89_578}


def patches(x, size):
    """The window around each place, zeros outside: [N, C, H, W, size, size]."""
    edge = (size // 2, size // 2)
    return sliding_window_view(np.pad(x, ((0, 0), (0, 0), edge, edge)), (size, size), (2, 3))


def conv(x, layer):
    weight, bias = layer
    windows = patches(x, weight.shape[2])
    return np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True) + bias[:, None, None]


def local(x, layer):
    """Place by place, each with its own kernel and bias."""
    weight, bias = layer
    side, size = x.shape[2], math.isqrt(weight.shape[1] // x.shape[1])
    windows = patches(x, size)
    out = np.empty((len(x), weight.shape[2], side, side))
    for row in range(side):
        for column in range(side):
            place = row * side + column
            window = windows[:, :, row, column].reshape(len(x), -1)
            out[:, :, row, column] = window @ weight[place] + bias[place]
    return out


def pool(x, of):
    """Windows of 3 at every second place; the last is cut off at the edge."""
    steps = range(0, math.ceil((x.shape[2] - 3) / 2) * 2 + 1, 2)
    rows = [[of(x[:, :, i : i + 3, j : j + 3], axis=(2, 3)) for j in steps] for i in steps]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def relu(x):
    return np.maximum(x, 0)


def norm(x, scale=1e-3, size=9):
    """Across feature maps."""
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        squares = x[:, max(0, c - size // 2) : c + size // 2 + 1] ** 2
        out[:, c] = x[:, c] * (1 + scale / size * squares.sum(axis=1)) ** -0.75
    return out


def map_norm(x, scale=5e-5, size=3):
    """Within a feature map."""
    return x * (1 + scale / size**2 * patches(x**2, size).sum(axis=(4, 5))) ** -0.75


def linear(x, layer):
    return x.reshape(len(x), -1) @ layer[0] + layer[1]


def cifar_13pct(x, p):
    x = pool(relu(conv(x, p["conv1"])), np.max)
    x = pool(relu(conv(x, p["conv2"])), np.max)
    return linear(relu(local(relu(local(x, p["local3"])), p["local4"])), p["fc5"])


def cifar_11pct(x, p, norm=norm):
    x = norm(pool(relu(conv(x, p["conv1"])), np.max))
    x = pool(norm(relu(conv(x, p["conv2"]))), np.max)
    return linear(relu(local(relu(local(x, p["local3"])), p["local4"])), p["fc5"])


def cifar_18pct(x, p, map_norm=map_norm, mean=np.mean):
    x = map_norm(relu(pool(conv(x, p["conv1"]), np.max)))
    x = map_norm(pool(relu(conv(x, p["conv2"])), mean))
    return linear(pool(relu(conv(x, p["conv3"])), mean), p["fc4"])


REFERENCES = {f.__name__: f for f in (cifar_13pct, cifar_11pct, cifar_18pct)}


def loud(name, lrn="fused", width=0.25, changes=None):
    """A narrow net whose activations are large, so that every norm matters; its weights; input."""
    paddle.seed(1)
    net = build_model(name, 10, width=width, init="he", lrn=lrn, changes=changes)
    net.eval()
    rng = np.random.default_rng(0)
    layers = {}
    for key, layer in weighted_layers(net):
        layer.bias.set_value(rng.normal(0, 1, layer.bias.shape).astype(np.float32))
        layers[key] = layer.weight.numpy().astype(float), layer.bias.numpy().astype(float)
    x = rng.normal(0, 60, (2, 3, net.input_size, net.input_size)).astype(np.float32)
    return net, layers, x


def distance(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


@pytest.mark.parametrize("lrn", LRN_KINDS)
@pytest.mark.parametrize("name", REFERENCES)
def test_forward_is_the_sources(name, lrn):
    net, layers, x = loud(name, lrn)
    with paddle.no_grad():
        got = net(paddle.to_tensor(x)).numpy()
    assert distance(got, REFERENCES[name](x.astype(float), layers)) < 1e-5


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cifar_11pct", {"norm": lambda x: x}),
        ("cifar_11pct", {"norm": lambda x: norm(x, scale=9e-3)}),
        ("cifar_11pct", {"norm": lambda x: norm(x, size=7)}),
        ("cifar_18pct", {"map_norm": lambda x: map_norm(x, scale=9 * 5e-5)}),
        ("cifar_18pct", {"map_norm": lambda x: map_norm(x, size=5)}),
        ("cifar_18pct", {"mean": lambda x, axis: x.sum(axis) / 9}),
    ],
)
def test_each_constant_counts(name, change):
    _, layers, x = loud(name)
    x = x.astype(float)
    reference = REFERENCES[name]
    assert distance(reference(x, layers, **change), reference(x, layers)) > 1e-3


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    net = build_model(name, 10, blank=True)
    assert sum(p.size for p in net.parameters()) == PARAMETERS[name]
    rows = trace_shapes(net.stages, net.input_size, 10)
    assert sum(row.parameters for row in rows) == PARAMETERS[name]
    summary = paddle.summary(net, (None, 3, net.input_size, net.input_size))
    assert summary["total_params"] == PARAMETERS[name]


def test_sizes_of_the_feature_maps():
    """cuda-convnet's pooling rounds up: 24, 12, 6 and 32, 16, 8, 4."""
    for name, sizes in (("cifar_13pct", [24, 12, 12, 6, 6, 6, 1]), ("cifar_18pct", None)):
        row = MODELS[name]
        layers = trace_shapes(row.stages, row.preprocessing.input_size, 10)
        assert [x.size for x in layers] == (sizes or [32, 16, 16, 8, 8, 4, 1])
        assert layers[1].formula.endswith("rounded up")


@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
def test_gradients_of_the_unshared_layer(data_format):
    """Against finite differences of the numpy forward, in float64; 200 entries of each."""
    paddle.set_default_dtype("float64")
    try:
        layer = Local2D(3, 4, 5, 3, data_format=data_format)
    finally:
        paddle.set_default_dtype("float32")
    rng = np.random.default_rng(0)
    values = {
        "x": rng.normal(0, 1, (2, 3, 5, 5)),
        "weight": rng.normal(0, 1, (25, 27, 4)),
        "bias": rng.normal(0, 1, (25, 4)),
    }
    factors = rng.normal(0, 1, (2, 4, 5, 5))
    layer.weight.set_value(values["weight"])
    layer.bias.set_value(values["bias"])
    x = paddle.to_tensor(values["x"], stop_gradient=False)
    last = data_format == "NHWC"
    out = layer(x.transpose([0, 2, 3, 1]) if last else x)
    out = out.transpose([0, 3, 1, 2]) if last else out

    def loss():
        return (local(values["x"], (values["weight"], values["bias"])) * factors).sum()

    want = local(values["x"], (values["weight"], values["bias"]))
    np.testing.assert_allclose(out.numpy(), want, rtol=1e-12, atol=1e-12)
    (out * paddle.to_tensor(factors)).sum().backward()
    got = {"x": x.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
    for name, value in values.items():
        flat, grad = value.reshape(-1), got[name].numpy().reshape(-1)
        for index in rng.permutation(flat.size)[:200]:
            before = flat[index]
            flat[index] = before + 1e-5
            above = loss()
            flat[index] = before - 1e-5
            below = loss()
            flat[index] = before
            assert grad[index] == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-7), name


def test_initial_weights():
    """initW of the layer files; biases from 0."""
    stds = {"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01, "local3": 0.04, "local4": 0.04}
    for name in PARAMETERS:
        paddle.seed(0)
        for key, layer in weighted_layers(build_model(name, 10)):
            std = stds.get(key, 0.01)
            weight = layer.weight.numpy().astype(float)
            assert weight.std() == pytest.approx(std, rel=5 / math.sqrt(weight.size)), key
            assert not layer.bias.numpy().any()


def test_he_of_the_unshared_layer():
    """Inputs of one output: feature maps times the kernel."""
    paddle.seed(0)
    layers = dict(weighted_layers(build_model("cifar_13pct", 10, init="he")))
    weight = layers["local3"].weight.numpy()
    assert weight.std() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.01)


@pytest.mark.parametrize("name", PARAMETERS)
def test_images_of_32_pixels_are_not_resized(name):
    """24 x 24 crops are pixels of the image; the whole image is itself."""
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    preprocessing = MODELS[name].preprocessing
    np.testing.assert_array_equal(preprocessing.square(image), image)
    edge = (32 - preprocessing.input_size) // 2
    centre = image[edge : 32 - edge, edge : 32 - edge]
    np.testing.assert_array_equal(preprocessing(image), centre)
    assert preprocessing.has_views == (name != "cifar_18pct")

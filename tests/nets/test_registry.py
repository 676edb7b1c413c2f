"""Every net against a float64 forward in numpy, written from the sources' tables."""

from dataclasses import replace

import numpy as np
import paddle
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.shapes import trace_shapes
from tests.nets.test_cifar10_nets import PARAMETERS as CIFAR10

PARAMETERS = {
    "alexnet": 62_071_144,
    "alexnet_pad5": 76_009_832,
    "alexnet_pad2": 62_378_344,
    "alexnet_owt": 61_100_840,
    "alexnet_paper": 60_965_224,
    "alexnet_2012": 60_965_224,
    "alexnet_caffe": 60_965_224,
    "caffenet": 60_965_224,
}


def conv(x, layer, stride=1, padding=0, groups=1, end=0):
    weight, bias = layer
    both = (padding, padding + end)
    x = np.pad(x, ((0, 0), (0, 0), both, both))
    kernel = weight.shape[2]
    outs = []
    for part, w in zip(np.split(x, groups, 1), np.split(weight, groups), strict=True):
        windows = sliding_window_view(part, (kernel, kernel), (2, 3))[:, :, ::stride, ::stride]
        outs.append(np.einsum("nchwij,ocij->nohw", windows, w, optimize=True))
    return np.concatenate(outs, 1) + bias[:, None, None]


def relu(x):
    return np.maximum(x, 0)


def pool(x, size=3):
    return sliding_window_view(x, (size, size), (2, 3))[:, :, ::2, ::2].max(axis=(4, 5))


def norm(x, k, a, towers=1):
    """The paper's formula; ``a`` multiplies each square of five neighbouring channels."""
    out = np.empty_like(x)
    size = x.shape[1] // towers
    for c in range(x.shape[1]):
        low, high = c // size * size, (c // size + 1) * size
        window = x[:, max(low, c - 2) : min(high, c + 3)]
        out[:, c] = x[:, c] / (k + a * (window**2).sum(axis=1)) ** 0.75
    return out


def within(x, a=1e-3 / 25):
    squares = np.pad(x**2, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return x / (1 + a * sliding_window_view(squares, (5, 5), (2, 3)).sum(axis=(4, 5))) ** 0.75


def head(x, layers):
    x = x.reshape(len(x), -1)
    for name in ("fc6", "fc7", "fc8"):
        weight, bias = layers[name]
        x = x @ weight + bias
        x = relu(x) if name != "fc8" else x
    return x


def trunk(x, layers, groups=1):
    x = relu(conv(x, layers["conv3"], padding=1))
    x = relu(conv(x, layers["conv4"], padding=1, groups=groups))
    return conv(x, layers["conv5"], padding=1, groups=groups)


def alexnet(x, p):
    x = pool(norm(relu(conv(x, p["conv1"], 4)), 1, 1e-4 / 5))
    x = pool(norm(relu(conv(x, p["conv2"], padding=2, groups=2)), 1, 1e-4 / 5))
    return head(pool(relu(trunk(x, p))), p)


def alexnet_pad5(x, p):
    x = pool(relu(conv(x, p["conv1"], 4, 5)), 2)
    x = pool(relu(conv(x, p["conv2"], padding=2)), 2)
    return head(pool(relu(trunk(x, p)), 2), p)


def alexnet_pad2(x, p):
    x = pool(norm(relu(conv(x, p["conv1"], 4, 2)), 2, 1e-3 / 5))
    x = pool(norm(relu(conv(x, p["conv2"], padding=2)), 2, 1e-3 / 5))
    return head(pool(relu(trunk(x, p))), p)


def alexnet_owt(x, p):
    x = pool(relu(conv(x, p["conv1"], 4, 2)))
    x = pool(relu(conv(x, p["conv2"], padding=2)))
    return head(pool(relu(trunk(x, p))), p)


def alexnet_paper(x, p, k=2, a=1e-4, groups=2):
    x = pool(norm(relu(conv(x, p["conv1"], 4)), k, a))
    x = pool(norm(relu(conv(x, p["conv2"], padding=2, groups=2)), k, a))
    return head(pool(relu(trunk(x, p, groups))), p)


def alexnet_2012(x, p, towers=2, first_norm=True, last_pool=True, inner=within, start=0):
    # Zeros at the left and the top are what a symmetric padding would bring.
    x = np.pad(x, ((0, 0), (0, 0), (start, 0), (start, 0)))
    x = conv(x, p["conv1"], 4, end=3 - start)
    if first_norm:
        x = relu(pool(norm(x, 2, 1e-4 / 5, towers)))
    else:
        x = pool(norm(relu(x), 2, 1e-4 / 5, towers))
    x = norm(relu(conv(x, p["conv2"], padding=2, groups=2)), 2, 1e-4 / 5, towers)
    x = trunk(pool(inner(x)), p, 2)
    return head(relu(pool(x)) if last_pool else pool(relu(x)), p)


def alexnet_caffe(x, p):
    x = pool(norm(relu(conv(x, p["conv1"], 4)), 1, 1e-4 / 5))
    x = pool(norm(relu(conv(x, p["conv2"], padding=2, groups=2)), 1, 1e-4 / 5))
    return head(pool(relu(trunk(x, p, 2))), p)


def caffenet(x, p):
    x = norm(pool(relu(conv(x, p["conv1"], 4))), 1, 1e-4 / 5)
    x = norm(pool(relu(conv(x, p["conv2"], padding=2, groups=2))), 1, 1e-4 / 5)
    return head(pool(relu(trunk(x, p, 2))), p)


FORWARDS = (
    alexnet, alexnet_pad5, alexnet_pad2, alexnet_owt, alexnet_paper, alexnet_2012, alexnet_caffe,
    caffenet,
)  # fmt: skip
REFERENCES = {forward.__name__: forward for forward in FORWARDS}


def loud(name, lrn=None):
    """A narrow net whose activations are large, so that every norm matters; its weights; input."""
    paddle.seed(1)
    net = build_model(name, 5, width=0.15, init="he", lrn=lrn)
    net.eval()
    rng = np.random.default_rng(0)
    layers = {}
    for key, layer in weighted_layers(net):
        layer.bias.set_value(rng.normal(0, 1, layer.bias.shape).astype(np.float32))
        layers[key] = layer.weight.numpy().astype(float), layer.bias.numpy().astype(float)
    side = net.input_size
    x = rng.normal(0, 60, (2, 3, side, side)).astype(np.float32)
    return net, layers, x


def distance(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


@pytest.mark.parametrize("lrn", ["avgpool3d", "builtin", "fused"])
@pytest.mark.parametrize("name", REFERENCES)
def test_forward_is_the_sources(name, lrn):
    net, layers, x = loud(name, lrn)
    with paddle.no_grad():
        got = net(paddle.to_tensor(x)).numpy()
    assert distance(got, REFERENCES[name](x.astype(float), layers)) < 1e-5


@pytest.mark.parametrize(
    "change",
    [{"towers": 1}, {"inner": lambda x: x}, {"start": 1}],
    ids=["towers", "within", "zeros at the end"],
)
def test_each_oddity_of_2012_counts(change):
    """Switched off, the result is another one."""
    _, layers, x = loud("alexnet_2012")
    x = x.astype(float)
    assert distance(alexnet_2012(x, layers, **change), alexnet_2012(x, layers)) > 1e-3


@pytest.mark.parametrize("change", [{"k": 1}, {"a": 1e-4 / 5}], ids=["k", "sum"])
def test_each_constant_of_the_papers_norm_counts(change):
    net, layers, x = loud("alexnet_paper")
    with paddle.no_grad():
        got = net(paddle.to_tensor(x)).numpy()
    assert distance(got, alexnet_paper(x.astype(float), layers, **change)) > 1e-3


def test_224_pixels_need_the_zeros_at_the_end():
    """The original code rounds up: feature maps of 55, at the end of 6; rounding down: 54, 5."""
    (conv1, *after), *others = MODELS["alexnet_2012"].stages
    without = ((replace(conv1, end_padding=0), *after), *others)
    for stages, sizes in ((MODELS["alexnet_2012"].stages, [55, 6]), (without, [54, 5])):
        layers = trace_shapes(stages, 224)
        assert [x.size for x in layers if x.name in ("conv1", "pool5")] == sizes


def test_the_order_of_norm_pool_and_relu_counts():
    """With a norm that keeps signs, max pooling and ReLU may change places, ReLU and norm not."""
    _, layers, x = loud("alexnet_2012")
    x = x.astype(float)
    want = alexnet_2012(x, layers)
    assert distance(alexnet_2012(x, layers, first_norm=False), want) > 1e-3
    assert distance(alexnet_2012(x, layers, last_pool=False), want) < 1e-12


@pytest.mark.parametrize(
    ("one", "other"),
    [("alexnet_caffe", caffenet), ("alexnet_paper", alexnet_caffe), ("caffenet", alexnet_caffe)],
)
def test_nets_that_look_alike_differ(one, other):
    _, layers, x = loud(one)
    x = x.astype(float)
    assert distance(other(x, layers), REFERENCES[one](x, layers)) > 1e-3


def test_alexnet_owt_is_paddle_visions():
    """Another framework's code for the same net, with the same weights, gradients included."""
    from paddle.vision.models import alexnet as vision_alexnet

    other = vision_alexnet(num_classes=7)
    net = build_model("alexnet_owt", 7)
    with paddle.no_grad():
        for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
            assert mine.shape == theirs.shape
            paddle.assign(theirs, mine)
    for layer in other.sublayers():
        if isinstance(layer, paddle.nn.Dropout):
            layer.p = 0  # otherwise it halves values in use (mode downscale_in_infer)
    other.eval()
    net.eval()
    x = paddle.to_tensor(np.random.default_rng(0).normal(0, 1, (2, 3, 224, 224)).astype(np.float32))
    labels = paddle.to_tensor([3, 5])
    grads = []
    for model in (net, other):
        logits = model(x)
        paddle.nn.functional.cross_entropy(logits, labels).backward()
        grads.append([logits.numpy(), *(p.grad.numpy() for p in model.parameters())])
    for mine, theirs in zip(*grads, strict=True):
        assert distance(mine, theirs) < 1e-5


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_at_1000_classes(name):
    others = {"tiny", *CIFAR10}
    assert list(PARAMETERS) == [n for n in MODELS if n not in others]
    net = build_model(name, blank=True)
    assert sum(p.size for p in net.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_takes_its_own_input_and_no_other(name):
    side = MODELS[name].preprocessing.input_size
    net = build_model(name, 7, width=0.1)
    net.eval()
    assert net(paddle.zeros([1, 3, side, side])).shape == [1, 7]
    for wrong in (
        paddle.zeros([1, 3, 96, 96]),
        paddle.zeros([3, side, side]),
        *(paddle.zeros([1, 3, side, side], dtype) for dtype in ("uint8", "float16", "float64")),
        np.zeros([1, 3, side, side], np.float32),
    ):
        with pytest.raises(ValueError, match=rf"images \[N, 3, {side}, {side}\], float32, got"):
            net(wrong)


def test_dropout_of_each_net():
    """After fc6 and fc7, before them (alexnet_pad2), or none (alexnet_owt)."""
    for name, place, rate in (
        ("alexnet", 2, 0.5),
        ("alexnet_pad2", 0, 0.5),
        ("alexnet_owt", 0, 0.0),
    ):
        net = build_model(name, 3, width=0.1)
        assert [net.block6[place].p, net.block7[place].p] == [rate, rate]
    assert build_model("alexnet_owt", 3, width=0.1, dropout=0.5).block6[0].p == 0.5


def test_narrow_nets():
    net = build_model("alexnet", 3, width=0.25)
    assert [stage[0].channels for stage in net.stages[:5]] == [24, 64, 96, 96, 64]
    assert net.stages[5][0].units == 1024
    for width in (0.0, 1.5, -1):
        with pytest.raises(ValueError, match="width"):
            build_model("alexnet", width=width)


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match="alexnet"):
        build_model("lenet")

"""LRN against float64 numpy, written from the formula."""

import numpy as np
import paddle
import pytest
from paddle.static import InputSpec

from paddle_alexnet import LRN
from paddle_alexnet.export import engines
from paddle_alexnet.nets.lrn import LRN_KINDS, build_lrn
from paddle_alexnet.nets.stages import MapNorm, Norm
from paddle_alexnet.training.step import choose_compile


def across_channels(x, n, alpha, beta, k):
    """The paper's formula, section 3.3, with alpha on the mean: term by term, in float64."""
    out = np.empty_like(x)
    channels = x.shape[1]
    for c in range(channels):
        window = x[:, max(0, c - n // 2) : min(channels, c + n // 2 + 1)]
        out[:, c] = x[:, c] / (k + alpha / n * (window**2).sum(axis=1)) ** beta
    return out


def within_channel(x, n, alpha, beta, k):
    """Caffe's WITHIN_CHANNEL: the mean over n x n positions, zeros outside counted."""
    height, width = x.shape[2:]
    out = np.empty_like(x)
    for i in range(height):
        for j in range(width):
            rows = slice(max(0, i - n // 2), i + n // 2 + 1)
            columns = slice(max(0, j - n // 2), j + n // 2 + 1)
            total = (x[:, :, rows, columns] ** 2).sum(axis=(2, 3))
            out[:, :, i, j] = x[:, :, i, j] / (k + alpha / n**2 * total) ** beta
    return out


def assert_near(got, want):
    """To 1e-6 as a whole, and to a few roundings of float32 (6e-8 each) at every place."""
    assert np.linalg.norm(got - want) < 1e-6 * np.linalg.norm(want)
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def assert_derivative(got, reference, x, weight, places):
    """At some places, of the reference's sum by weights: by a complex step, exact to rounding."""
    step = 1e-30
    for place in map(tuple, places):
        moved = x.astype(complex)
        moved[place] += 1j * step
        want = (reference(moved).imag * weight).sum() / step
        assert got[place] == pytest.approx(want, rel=1e-5, abs=5e-6), place


# alpha 1 and more than 7 channels: with alpha 1e-4 a window that is off by one goes unnoticed.
# (shape, n, alpha, beta, k); the rows with a name are cases of other libraries' own tests.
CASES = [
    pytest.param((2, 11, 6, 5), 5, 1.0, 0.75, 1.0, id="alpha-1"),
    pytest.param((2, 9, 4, 4), 1, 1.0, 0.75, 2.0, id="n-1"),
    pytest.param((2, 7, 3, 3), 5, 1.0, 0.75, 1.0, id="caffe"),
    pytest.param((2, 7, 3, 3), 15, 1.0, 0.75, 1.0, id="caffe-n-over-channels"),
    *(pytest.param((5, 5, 5, 5), 3, alpha, 0.5, 2.0, id=f"onnx-{alpha}") for alpha in (2e-4, 1.0)),
    *(
        pytest.param((1, c, 3, 2), n, alpha, 0.5, 1.25, id=f"torch-n-{n}-{alpha}")
        for c, n in ((1, 1), (6, 3))
        for alpha in (3e-5, 1.0)
    ),
    *(
        pytest.param((2, 3, 5, 5), 5, alpha, 0.75, 2.0, id=f"paddle-{alpha}")
        for alpha in (1e-4, 1.0)
    ),
    pytest.param((2, 8, 3, 3), 7, 2.0, 2.01, 1.5, id="steep"),
]


@pytest.mark.parametrize(("shape", "n", "alpha", "beta", "k"), CASES)
@pytest.mark.parametrize("kind", LRN_KINDS)
def test_across_channels(kind, shape, n, alpha, beta, k):
    x = np.random.default_rng(0).normal(0, 3, shape)
    layer = build_lrn(kind, Norm(alpha, k, beta, n), shape[1])
    got = layer(paddle.to_tensor(x.astype(np.float32))).numpy()
    assert_near(got, across_channels(x, n, alpha, beta, k))


@pytest.mark.parametrize("radius", [1, 3, 7])
@pytest.mark.parametrize(("alpha", "beta", "k"), [(2.0, 2.01, 1.0), (1.0, 0.01, 2.0)])
@pytest.mark.parametrize("kind", LRN_KINDS)
def test_tensorflows_convention(kind, radius, alpha, beta, k):
    """TensorFlow: window 2 r + 1, alpha times the plain sum; its own tests reach these values."""
    x = np.random.default_rng(0).normal(0, 1, (2, 16, 3, 2))
    n = 2 * radius + 1
    want = np.empty_like(x)
    for c in range(16):
        window = x[:, max(0, c - radius) : c + radius + 1]
        want[:, c] = x[:, c] / (k + alpha * (window**2).sum(axis=1)) ** beta
    layer = build_lrn(kind, Norm(n * alpha, k, beta, n), 16)
    got = layer(paddle.to_tensor(x.astype(np.float32))).numpy()
    np.testing.assert_allclose(got, want, rtol=5e-6, atol=1e-6)


@pytest.mark.parametrize(("alpha", "size"), [(1e-4, 100), (1.0, 3)])
@pytest.mark.parametrize("channels", [3, 9])
def test_paddles_bare_operator(channels, alpha, size):
    """``lrn`` multiplies the plain sum, as the paper's formula does: alpha / n times the mean's."""
    x = np.random.default_rng(0).normal(0, size, (2, channels, 5, 5)).astype(np.float32)
    words = ("n", 5, "k", 2.0, "alpha", alpha, "beta", 0.75)
    want = paddle._legacy_C_ops.lrn(paddle.to_tensor(x), *words)[0].numpy()
    for kind in LRN_KINDS:
        layer = build_lrn(kind, Norm(5 * alpha, 2.0), channels)
        got = layer(paddle.to_tensor(x)).numpy()
        np.testing.assert_allclose(got, want, rtol=5e-6, atol=1e-6 * size)


@pytest.mark.parametrize(("shape", "n", "alpha", "beta", "k"), CASES)
@pytest.mark.parametrize("kind", LRN_KINDS)
def test_within_channel(kind, shape, n, alpha, beta, k):
    x = np.random.default_rng(0).normal(0, 3, shape)
    layer = build_lrn(kind, MapNorm(alpha, k, beta, n), shape[1])
    got = layer(paddle.to_tensor(x.astype(np.float32))).numpy()
    assert_near(got, within_channel(x, n, alpha, beta, k))


BOTH = pytest.mark.parametrize(
    ("make", "reference"),
    [
        pytest.param(Norm, across_channels, id="across"),
        pytest.param(MapNorm, within_channel, id="within"),
    ],
)

# TensorFlow's rows, whose alpha multiplies the plain sum.
TENSORFLOW = [
    pytest.param(
        (1, 16, 3, 2), 2 * r + 1, (2 * r + 1) * alpha, beta, k, id=f"tensorflow-{r}-{beta}"
    )
    for r in (1, 3, 7)
    for alpha, beta, k in ((2.0, 2.01, 1.0), (1.0, 0.01, 2.0))
]


@pytest.mark.parametrize(("shape", "n", "alpha", "beta", "k"), [*CASES, *TENSORFLOW])
@pytest.mark.parametrize("kind", LRN_KINDS)
@BOTH
def test_gradient(make, reference, kind, shape, n, alpha, beta, k):
    layer = build_lrn(kind, make(alpha, k, beta, n), shape[1])
    rng = np.random.default_rng(1)
    x, weight = rng.normal(0, 3, shape), rng.normal(0, 1, shape)
    leaf = paddle.to_tensor(x.astype(np.float32), stop_gradient=False)
    (layer(leaf) * paddle.to_tensor(weight.astype(np.float32))).sum().backward()
    places = rng.integers(shape, size=(100, 4))
    assert_derivative(
        leaf.grad.numpy(), lambda z: reference(z, n, alpha, beta, k), x, weight, places
    )


class Alone(paddle.nn.Layer):
    """A layer that ends a graph as TrainingStep does: see there."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return paddle.assign(self.layer(x))


def as_graph(layer, shape):
    spec = [InputSpec([None, *shape[1:]], "float32")]
    return paddle.jit.to_static(Alone(layer), input_spec=spec, full_graph=True)


@pytest.mark.parametrize(("shape", "n", "alpha", "beta", "k"), CASES)
@pytest.mark.parametrize("onednn", [False, True])
@BOTH
def test_fused_in_a_graph(make, reference, onednn, shape, n, alpha, beta, k):
    """It is computed differently there, as is its gradient."""
    if onednn and not paddle.base.core.is_compiled_with_onednn():
        pytest.skip("this Paddle comes without oneDNN")
    layer = build_lrn("fused", make(alpha, k, beta, n), shape[1])
    if onednn and shape[1] == 1:
        assert choose_compile("onednn", layer)[0] == "none"
        return
    rng = np.random.default_rng(1)
    x, weight = rng.normal(0, 3, shape), rng.normal(0, 1, shape)
    leaf = paddle.to_tensor(x.astype(np.float32), stop_gradient=False)
    before = paddle.get_flags("FLAGS_use_mkldnn")
    paddle.set_flags({"FLAGS_use_mkldnn": onednn})
    try:
        got = as_graph(layer, shape)(leaf)
        (got * paddle.to_tensor(weight.astype(np.float32))).sum().backward()
    finally:
        paddle.set_flags(before)
    assert_near(got.numpy(), reference(x, n, alpha, beta, k))
    places = rng.integers(shape, size=(20, 4))
    assert_derivative(
        leaf.grad.numpy(), lambda z: reference(z, n, alpha, beta, k), x, weight, places
    )


@pytest.mark.parametrize(("shape", "n", "alpha", "beta", "k"), CASES)
@BOTH
def test_fused_in_an_export(make, reference, tmp_path, shape, n, alpha, beta, k):
    """As paddle.inference runs it, with oneDNN where it is."""
    layer = build_lrn("fused", make(alpha, k, beta, n), shape[1])
    graph = as_graph(layer, shape)
    graph.eval()
    paddle.jit.save(graph, str(tmp_path / "norm"))
    files = [tmp_path / "norm.json", tmp_path / "norm.pdiparams"]
    run = engines._predictor(files, "cpu", "float32")
    x = np.random.default_rng(1).normal(0, 3, shape)
    assert_near(run(x.astype(np.float32)), reference(x, n, alpha, beta, k))


@pytest.mark.parametrize(("shape", "n", "alpha", "beta", "k"), CASES)
@pytest.mark.parametrize("kind", LRN_KINDS)
@BOTH
def test_channels_last(make, reference, kind, shape, n, alpha, beta, k):
    x = np.random.default_rng(0).normal(0, 3, shape)
    layer = build_lrn(kind, make(alpha, k, beta, n), shape[1], "NHWC")
    got = layer(paddle.to_tensor(x.transpose(0, 2, 3, 1).astype(np.float32))).numpy()
    assert_near(got, reference(x, n, alpha, beta, k).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", LRN_KINDS)
def test_squares_are_taken_in_float32(kind, dtype):
    """300 squared is more than float16 can hold."""
    x = np.random.default_rng(0).normal(0, 300, (1, 9, 2, 2)).astype(np.float32)
    layer = build_lrn(kind, Norm(1e-4), 9)
    leaf = paddle.to_tensor(x).astype(dtype)
    leaf.stop_gradient = False
    got = layer(leaf)
    assert got.dtype == leaf.dtype
    want = across_channels(leaf.astype("float32").numpy().astype(float), 5, 1e-4, 0.75, 1.0)
    np.testing.assert_allclose(got.astype("float32").numpy(), want, rtol=0.01, atol=0.01)
    got.astype("float32").sum().backward()
    assert np.isfinite(leaf.grad.astype("float32").numpy()).all()


def test_border_channels_are_divided_by_the_whole_window():
    """The published code's mistake, as README gives it: amplitude 100, alpha 1e-4."""
    x = np.random.default_rng(2).normal(0, 100, (4, 16, 8, 8))
    wrong = paddle.nn.AvgPool3D((5, 1, 1), 1, (2, 0, 0))  # exclusive=True by default
    tensor = paddle.to_tensor(x.astype(np.float32))
    mean = wrong(tensor.square().unsqueeze(1)).squeeze(1)
    off = (tensor / (1 + 1e-4 * mean) ** 0.75).numpy()
    right = across_channels(x, 5, 1e-4, 0.75, 1.0)
    for channel, fraction in ((0, 0.13), (1, 0.07), (2, 0.0)):
        error = np.abs(off[:, channel] / right[:, channel] - 1).mean()
        assert error == pytest.approx(fraction, abs=0.005)
    got = LRN(5, 1e-4, 0.75, 1.0, across_channels=True)(tensor).numpy()
    np.testing.assert_allclose(got, right, rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"local_size": 4}, "odd"),
        ({"local_size": 0}, "positive"),
        ({"local_size": -3}, "positive"),
        ({"local_size": 2.5}, "whole"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"beta": -0.75}, "beta"),
        ({"bias": 0.0}, "bias"),
    ],
)
def test_bad_settings(values, word):
    with pytest.raises(ValueError, match=word):
        LRN(**values)
    for make in (Norm, MapNorm):
        with pytest.raises(ValueError, match=word):
            make(**values)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 2, 3, 4, 5)])
def test_wrong_rank(shape, across):
    with pytest.raises(ValueError, match=r"\[N, C, H, W\]"):
        LRN(3, across_channels=across)(paddle.ones(shape))


def test_unknown_kind():
    with pytest.raises(ValueError, match="avgpool3d"):
        build_lrn("batchnorm", Norm(), 8)

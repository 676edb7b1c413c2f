"""Compiled training steps: what they compute operator by operator, for every net."""

import platform
import subprocess
import sys

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.lrn import LRN_KINDS
from paddle_alexnet.nets.registry import Model
from paddle_alexnet.nets.stages import Conv, MapNorm, MaxPool, Norm, ReLU, Tanh
from paddle_alexnet.nets.towers import Tower
from paddle_alexnet.runtime.distributed import Ranks
from paddle_alexnet.training.step import TrainingStep, choose_compile, compile_step

STEPS = 20
CLASSES = 5
FALLS_BACK = "cifar_18pct"  # average pooling, and a norm after a ReLU after a max pooling
COMPILED = [name for name in MODELS if name != FALLS_BACK]


def batch(net, count, seed=0):
    side = net.input_size
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((count, 3, side, side)).astype(np.float32)
    return paddle.to_tensor(images), paddle.to_tensor(rng.integers(0, 5, count))


def start(name, kind, width, dropout=0.0, changes=None):
    paddle.seed(0)
    settings = {"lrn": "fused", "init": "he", "width": width, "dropout": dropout}
    net = build_model(name, 5, **settings, changes=changes)
    return net, compile_step(TrainingStep(net, 0.1), kind)


def train(name, kind, width, count, steps, changes=None):
    """Losses of some steps, the correct predictions, and the gradients of two steps."""
    net, step = start(name, kind, width, changes=changes)
    optimizer = paddle.optimizer.Momentum(2e-6, 0.9, parameters=net.parameters())
    losses, hits, gradients = [], [], {}
    for seed in range(steps):
        # The last batch of an epoch differs. As many images as classes: with Paddle's own
        # linear layer the gradient of the bias is then wrong in a graph with oneDNN.
        loss, right = step(*batch(net, count if seed != 3 else CLASSES, seed))
        loss.backward()
        if seed in (0, 3):
            found = {f"{k} {seed}": p.grad.numpy() for k, p in net.named_parameters()}
            gradients.update(found)
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        losses.append(loss.item())
        hits.append(right.item())
    return losses, hits, gradients


def assert_alike(name, kind, width, count, steps, *, off, loss=1e-5, changes=None):
    losses, hits, gradients = train(name, kind, width, count, steps, changes)
    want_losses, want_hits, want_gradients = train(name, "none", width, count, steps, changes)
    for key, want in want_gradients.items():
        # As a whole: some of many values lie within rounding of a kink of ReLU or a tie of a
        # maximum, more in wide nets.
        assert np.linalg.norm(gradients[key] - want) < off * np.linalg.norm(want), key
    np.testing.assert_allclose(losses, want_losses, rtol=loss)
    assert len(set(losses)) == steps
    assert hits == want_hits
    return losses


@pytest.mark.parametrize("kind", [pytest.param("static", marks=pytest.mark.slow), "onednn"])
@pytest.mark.parametrize("name", COMPILED)
def test_losses_and_gradients(name, kind):
    losses = assert_alike(name, kind, 0.08, 4, STEPS, off=1e-3)
    # The steps change the net: without them the last loss is another.
    net, step = start(name, "none", 0.08)
    unmoved = step(*batch(net, 4, STEPS - 1))[0].item()
    assert abs(losses[-1] / unmoved - 1) > 1e-3


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("alexnet_paper", {"activation": "tanh"}),
        ("alexnet_paper", {"norm": "none", "pool": 2, "towers": "half"}),
        ("alexnet_2012", {"activation": "tanh", "towers": 1}),
        ("cifar_13pct", {"activation": "tanh"}),
        ("cifar_11pct", {"norm": "none", "pool": 2}),
    ],
)
def test_changed_nets(name, changes):
    assert choose_compile("auto", start(name, "none", 0.08, changes=changes)[0])[0] == "onednn"
    assert_alike(name, "onednn", 0.08, 4, STEPS, off=1e-3, changes=changes)


def another_net(monkeypatch, *after):
    """Four layers, 24 x 24; feature maps go into the head; ``after`` follows the second layer."""
    stages = (
        (Conv(16, 5, padding=2), ReLU(), Norm(1e-3), MaxPool()),
        (Conv(16, 5, padding=2), *after),
        (Conv(8, 3, padding=1), ReLU()),
    )
    monkeypatch.setitem(MODELS, "four", Model(stages, Preprocessing(24, 24)))


@pytest.mark.parametrize("kind", ["static", "onednn"])
@pytest.mark.parametrize(
    "after",
    [
        (MaxPool(), ReLU()),
        (ReLU(), MaxPool(), Norm(1e-3)),
        (ReLU(), MaxPool(), MapNorm(1e-3)),
        (MapNorm(1e-3), MaxPool()),
    ],
)
def test_a_net_of_another_depth_and_input_size(after, kind, monkeypatch):
    another_net(monkeypatch, *after)
    assert_alike("four", kind, 1.0, 4, STEPS, off=1e-3)


@pytest.mark.parametrize("activation", [ReLU(), Tanh()])
@pytest.mark.parametrize("norm", [Norm(), MapNorm()])
def test_a_norm_after_an_activation_after_a_pool_falls_back(norm, activation, monkeypatch):
    """With oneDNN already the loss is another; with tanh it was not compared."""
    another_net(monkeypatch, MaxPool(), activation, norm)
    kind, reason = choose_compile("auto", build_model("four", 5, lrn="fused"))
    assert kind == "none"
    assert "pooling" in reason


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
def test_at_full_width(name):
    assert_alike(name, "onednn", 1.0, 8, 2, off=0.05, loss=1e-4)


@pytest.mark.parametrize("kind", ["static", "onednn"])
def test_dropout_depends_only_on_the_seed(kind):
    net, step = start("alexnet", kind, 0.08, dropout=0.5)
    images, labels = batch(net, 4)
    losses = []
    for seed in (1, 1, 2):
        paddle.seed(seed)
        losses.append(step(images, labels)[0].item())
    assert losses[0] == losses[1] != losses[2]


def test_auto_takes_onednn_for_compared_layers():
    net = build_model("alexnet_2012", 5, lrn="fused", width=0.02)
    expected = "onednn" if paddle.base.core.is_compiled_with_onednn() else "none"
    assert choose_compile("auto", net)[0] == expected
    assert choose_compile("none", net) == ("none", None)
    assert choose_compile("static", net) == ("static", None)


@pytest.mark.parametrize("wanted", ["auto", "onednn"])
@pytest.mark.parametrize("lrn", ["avgpool3d", "builtin"])
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012"])
def test_unsafe_layers_fall_back_with_a_reason(name, lrn, wanted):
    kind, reason = choose_compile(wanted, build_model(name, 5, lrn=lrn, width=0.02))
    assert kind == "none"
    assert "lrn=fused" in reason


def test_an_unknown_layer_falls_back():
    net = nn.Sequential(nn.ReLU(), nn.AvgPool2D(2))
    assert "AvgPool2D" in choose_compile("onednn", net)[1]


def test_a_net_with_average_pooling_falls_back():
    """Where all but some of its layers were compared."""
    for wanted in ("auto", "onednn"):
        kind, reason = choose_compile(wanted, build_model(FALLS_BACK, 5, lrn="fused"))
        assert kind == "none"
        assert "AvgPool2D" in reason
        assert "lrn" not in reason


def test_channels_last_fall_back():
    net = build_model("alexnet", 5, lrn="fused", width=0.02, channels_last=True)
    for wanted in ("auto", "onednn"):
        kind, reason = choose_compile(wanted, net)
        assert kind == "none"
        assert "train.channels_last" in reason
    assert choose_compile("static", net) == ("static", None)


def test_another_paddle_falls_back(monkeypatch):
    monkeypatch.setattr(paddle, "__version__", "3.9.0")
    kind, reason = choose_compile("auto", build_model("alexnet", 5, lrn="fused", width=0.02))
    assert kind == "none"
    assert "3.9.0" in reason


def first_loss(kind, amp, device="cpu", *, lrn="fused", level="O1", channels_last=False):
    """The loss of a batch, and all gradients; float16's of a scaled loss, divided again."""
    scale = 2.0**10 if amp == "float16" else 1.0
    paddle.device.set_device(device)
    try:
        paddle.seed(0)
        settings = {"lrn": lrn, "width": 0.08, "dropout": 0.0, "channels_last": channels_last}
        net = build_model("alexnet", 5, init="he", **settings)
        rng = np.random.default_rng(0)
        for parameter in net.parameters():  # the same on every device
            value = rng.standard_normal(parameter.shape) / np.sqrt(parameter.shape[0] + 1)
            parameter.set_value((0.3 * value).astype(np.float32))
        loss, _ = compile_step(TrainingStep(net, 0.1, amp, level), kind)(*batch(net, 4))
        (loss * scale).backward()
        return loss.item(), [parameter.grad.numpy() / scale for parameter in net.parameters()]
    finally:
        paddle.device.set_device("cpu")


def assert_near(got, want, *, loss, gradients):
    """Rounding to 8 bits moves maxima of pools to neighbours: a quarter of conv1's gradient."""
    assert got[0] == pytest.approx(want[0], rel=loss)
    for one, other in zip(got[1], want[1], strict=True):
        assert one.dtype == np.float32
        assert np.linalg.norm(one - other) <= gradients * np.linalg.norm(other)


@pytest.fixture
def gpu_in_name(monkeypatch):
    """Trace what a GPU would run; the kernels are still the CPU's."""
    name, before = "FLAGS_use_mkldnn", paddle.get_flags("FLAGS_use_mkldnn")
    paddle.set_flags({name: False})  # another test may have compiled with oneDNN
    monkeypatch.setattr(paddle, "get_device", lambda: "gpu:0")
    yield
    paddle.set_flags(before)


# In Paddle's builds with oneDNN alone a CPU has convolutions in bfloat16; in float16 none has.
needs_onednn = pytest.mark.skipif(
    not paddle.base.core.is_compiled_with_onednn(), reason="this Paddle comes without oneDNN"
)


@needs_onednn
@pytest.mark.parametrize("lrn", LRN_KINDS)
def test_mixed_precision_is_near_float32(gpu_in_name, lrn):
    """In a graph; operator by operator Paddle leaves it out on a CPU."""
    want = first_loss("static", "none", lrn=lrn)
    got = first_loss("static", "bfloat16", lrn=lrn)
    assert got[0] != want[0]
    assert_near(got, want, loss=0.02, gradients=0.4)


@needs_onednn
@pytest.mark.parametrize("lrn", LRN_KINDS)
@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012"])
@pytest.mark.parametrize("level", ["O1", "O2"])
def test_types_in_mixed_precision(gpu_in_name, name, level, lrn):
    """What is in bfloat16, in the graph that would be run; a CPU has no kernels for all of O2."""
    net = build_model(name, 5, lrn=lrn, width=0.08)
    types, norms = types_in_graph(compile_step(TrainingStep(net, 0.1, "bfloat16", level), "static"))
    short, single = {"bfloat16"}, {"float32"}
    assert types["parameter"] == types["cross_entropy_with_softmax"] == single
    assert types["matmul"] == short
    # Convolutions of the net are of parameters; the fused norm's, of constants, are single.
    assert types["conv2d of parameters"] == short
    rest = short if level == "O2" else single
    for operator in ("relu", "dropout", "add"):
        assert types[operator] == rest, operator
    assert types["pool2d"] >= rest  # that of a norm within maps is single
    for operator in norms:
        assert types[operator] == single, operator


def types_in_graph(step):
    """Types of floating results by operator, and which operators are those of norms alone."""
    types = {}
    for op in step.forward.concrete_program.main_program.global_block().ops:
        name = op.name().partition(".")[2]
        if "conv2d" in name:
            name = f"conv2d of {'parameters' if from_parameter(op.operand_source(1)) else 'others'}"
        found = {str(value.dtype).rpartition(".")[2].lower() for value in op.results()}
        types.setdefault(name, set()).update(found - {"int64", "uint8", "int32", "bool"})
    norms = {"square", "pool3d", "rsqrt", "sqrt", "pow", "divide", "pad3d", "multiply"}
    return types, (norms | {"conv2d of others"}) & types.keys()


def from_parameter(value):
    op = value.get_defining_op()
    while op.name() == "pd_op.cast":
        op = op.operand_source(0).get_defining_op()
    return op.name() == "builtin.parameter" and not op.results()[0].stop_gradient


@pytest.mark.gpu
@pytest.mark.skipif(not paddle.device.cuda.device_count(), reason="PaddlePaddle sees no GPU")
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("kind", ["none", "static"])
@pytest.mark.parametrize(
    ("amp", "level", "loss", "gradients"),
    [
        ("none", "O1", 5e-3, 5e-3),
        ("bfloat16", "O1", 0.02, 0.4),
        ("bfloat16", "O2", 0.02, 0.5),
        ("float16", "O1", 5e-3, 0.15),
        ("float16", "O2", 5e-3, 0.2),
    ],
)
def test_a_gpu_computes_what_the_cpu_does(kind, amp, level, loss, gradients, channels_last):
    got = first_loss(kind, amp, "gpu", level=level, channels_last=channels_last)
    assert_near(got, first_loss("none", "none"), loss=loss, gradients=gradients)


@pytest.mark.parametrize("wanted", ["auto", "static", "onednn", "none"])
def test_a_tower_runs_operator_by_operator(wanted):
    whole = build_model("alexnet_2012", CLASSES, width=0.02, lrn="fused")
    kind, reason = choose_compile(wanted, Tower(whole, Ranks(0, 2, "towers"), lrn="fused"))
    assert kind == "none"
    assert (reason is None) == (wanted == "none")
    assert wanted == "none" or "train.parallel" in reason


MEMORY_OF_STEPS = """
import ctypes
import paddle
from paddle_alexnet.nets.registry import build_model
from paddle_alexnet.training.step import TrainingStep, compile_step

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = type(
    "mallinfo2", (ctypes.Structure,), {"_fields_": [(f"v{i}", ctypes.c_size_t) for i in range(10)]}
)
net = build_model("alexnet_paper", 5, lrn="fused", width=0.25)
step = compile_step(TrainingStep(net), "onednn")
assert all(parameter.grad is None for parameter in net.parameters())
for _ in range(6):
    step(paddle.zeros([32, 3, 227, 227]), paddle.zeros([32], "int64"))[0].backward()
    net.clear_gradients(set_to_zero=False)
    now = libc.mallinfo2()
    print(now.v4 + now.v7)  # hblkhd, mapped, and uordblks, in the heap
"""


@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.33"), reason="mallinfo2 is of glibc 2.33")
def test_a_batch_is_kept_once_by_onednn():
    code = [sys.executable, "-c", MEMORY_OF_STEPS]
    out = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    first, *later = map(int, out.split())
    # The copies of a batch of this net are 44 MB; a second set was made in the second step. A step
    # may still free something when it is counted.
    assert min(later) - first < 4e6

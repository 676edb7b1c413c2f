"""Changed nets: shapes and parameters by hand, forwards in numpy, refusals, weights files."""

import numpy as np
import paddle
import pytest

from paddle_alexnet import MODELS, Classifier, build_model
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.changes import apply_changes
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.stages import Norm, ReLU, ResponseNorm, Tanh
from paddle_alexnet.nets.weights import Description, net_arrays, read_weights, write_weights
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from tests.nets.test_cifar10_nets import conv, distance, linear, local, loud

PAPER = MODELS["alexnet_paper"].stages


def rows(**changes):
    return trace_shapes(apply_changes(PAPER, changes), 227, 1000)


def specs(stages):
    return [spec for stage in stages for spec in stage]


# Weights and biases of conv1 to conv5 and fc6 to fc8, from the paper's widths.
WHOLE = [34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 4_097_000]
HALF = [17_472, 153_728, 221_376, 331_968, 221_312, 18_878_464, 16_781_312, 4_097_000]
TWO = [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000]


@pytest.mark.parametrize(
    ("changes", "parameters"), [({}, TWO), ({"towers": 1}, WHOLE), ({"towers": "half"}, HALF)]
)
def test_parameters_of_the_towers(changes, parameters):
    """62,378,344 in all for one tower of the paper's widths."""
    layers = rows(**changes)
    assert [row.parameters for row in layers if row.parameters] == parameters
    net = build_model("alexnet_paper", 1000, changes=changes, blank=True)
    assert sum(parameter.size for parameter in net.parameters()) == sum(parameters)
    sizes = [row.size for row in layers]
    assert sizes == [55, 27, 27, 13, 13, 13, 13, 6, 1, 1, 1]
    kernels = [48, 128, 192, 192, 128] if "half" in changes.values() else [96, 256, 384, 384, 256]
    assert [row.channels for row in layers if "conv" in row.name] == kernels


def test_pools_that_do_not_overlap_give_the_same_sizes():
    """The paper, section 3.4: an output of equivalent dimensions."""
    pools = [row for row in rows(pool=2) if "pool" in row.name]
    assert [row.size for row in pools] == [27, 13, 6]
    assert pools[0].formula == "(55 - 2) / 2 + 1 = 27, rounded down"


def test_norms_and_relus_are_changed_everywhere():
    changed = specs(apply_changes(PAPER, {"norm": "none", "activation": "tanh"}))
    assert [s for s in changed if isinstance(s, ResponseNorm | ReLU)] == []
    assert changed.count(Tanh()) == specs(PAPER).count(ReLU()) == 7
    assert len(changed) == len(specs(PAPER)) - 2


def test_norms_inside_towers_become_norms_of_one():
    changed = specs(apply_changes(MODELS["alexnet_2012"].stages, {"towers": 1}))
    assert {spec.towers for spec in changed if isinstance(spec, Norm)} == {1}


def pool_2(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def test_a_changed_net_is_numpys():
    """Sides of 24 and 12: windows of 2 reach over no edge."""
    changes = {"norm": "none", "pool": 2, "activation": "tanh"}
    net, p, x = loud("cifar_11pct", changes=changes)
    x /= 600  # so that tanh is not flat
    out = pool_2(np.tanh(conv(x.astype(float), p["conv1"])))
    out = pool_2(np.tanh(conv(out, p["conv2"])))
    out = np.tanh(local(np.tanh(local(out, p["local3"])), p["local4"]))
    assert distance(net(paddle.to_tensor(x)).numpy(), linear(out, p["fc5"])) < 1e-5


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("alexnet_pad5", {"norm": "none"}, "changes.norm: alexnet_pad5 has no response norm"),
        ("alexnet_pad5", {"pool": 2}, "changes.pool: alexnet_pad5 has no overlapping pooling"),
        ("alexnet_pad2", {"towers": 1}, "changes.towers: alexnet_pad2 has no two towers"),
        ("cifar_13pct", {"towers": "half"}, "changes.towers: cifar_13pct has no two towers"),
        ("alexnet", {"activation": "relu"}, "changes.activation: expected tanh, got 'relu'"),
        ("alexnet", {"pool": "2"}, "changes.pool: expected 2, got '2'"),
        ("alexnet", {"towers": True}, "changes.towers: expected 1 or half, got True"),
        ("alexnet", {"towers": [1]}, "changes.towers: expected 1 or half"),
        ("alexnet", {"pooling": 2}, "'pooling'; choose norm, pool, activation, towers"),
    ],
)
def test_refusals(name, changes, words):
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        build_model(name, 2, width=0.02, changes=changes)


@pytest.fixture
def written(tmp_path):
    """A function that writes a narrow net, and returns the file and the net."""

    def write(changes):
        paddle.seed(0)
        net = build_model("cifar_11pct", 2, lrn="fused", init="he", width=0.1, changes=changes)
        net.eval()
        described = Description("cifar_11pct", ("a", "b"), MODELS["cifar_11pct"].preprocessing)
        described = Description(**{**vars(described), "width": 0.1, "changes": changes})
        path = tmp_path / "a.safetensors"
        write_weights(path, net_arrays(net), described)
        return path, net

    return write


@pytest.mark.parametrize("changes", [{}, {"norm": "none"}, {"pool": 2}, {"activation": "tanh"}])
def test_weights_keep_their_changes(written, changes):
    path, net = written(changes)
    assert read_weights(path)[1].changes == changes
    x = paddle.randn([2, 3, 24, 24])
    np.testing.assert_array_equal(Classifier.load(path).net(x).numpy(), net(x).numpy())


def test_weights_of_before_have_no_changes(written):
    path, net = written({})
    arrays, metadata = read_tensors(path)
    del metadata["changes"]
    write_tensors(path, arrays, metadata)
    x = paddle.randn([2, 3, 24, 24])
    np.testing.assert_array_equal(Classifier.load(path).net(x).numpy(), net(x).numpy())


@pytest.mark.parametrize("text", ['{"towers": 1}', '{"x": 1}', '{"pool": 3}', "[]", "{", "7"])
def test_weights_with_changes_that_do_not_fit(written, text):
    path, _ = written({})
    arrays, metadata = read_tensors(path)
    write_tensors(path, arrays, {**metadata, "changes": text})
    with pytest.raises(WeightsError, match=r"a\.safetensors"):
        Classifier.load(path)

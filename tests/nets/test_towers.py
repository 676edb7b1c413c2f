"""Two towers in two threads, which exchange as two processes do, against the whole net."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.nn import functional as F

from paddle_alexnet.errors import PeerLost
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.stages import Conv, Dropout, Linear, Local, MaxPool, Norm, ReLU
from paddle_alexnet.nets.towers import (
    SideBySide,
    Tower,
    own_arrays,
    tower_stages,
    update_whole,
    whole_arrays,
)
from paddle_alexnet.nets.weights import net_arrays
from paddle_alexnet.runtime.distributed import ALONE, Ranks
from paddle_alexnet.training.diagnostics import gradient_norms

CLASSES = 5  # odd: one tower has a unit of the head that is none
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Thread(Ranks):
    """One of two threads that exchange tensors."""

    met: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=300))
    given: list = field(default_factory=lambda: [None, None])
    sizes: list = field(default_factory=list)  # of what rank 0 gives

    def exchange(self, tensor):
        self.given[self.rank] = tensor.numpy()
        if self.rank == 0:
            self.sizes.append(tensor.size)
        self.met.wait()
        other = paddle.to_tensor(self.given[1 - self.rank])
        self.met.wait()
        return other

    def all_reduce_sum(self, values):
        own = paddle.to_tensor(values, "float64")
        return (own + self.exchange(own)).tolist()


def in_both(function):
    """Call ``function(ranks)`` in two threads, once for each rank."""
    first = Thread(0, 2, "towers")
    second = Thread(1, 2, "towers", first.met, first.given)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, (first, second))), first.sizes


def whole_net(name="alexnet_2012", **options):
    paddle.seed(3)
    options = {"width": 0.05, "lrn": "fused", "init": "he_small_head", "dropout": 0.0, **options}
    return build_model(name, CLASSES, **options)


def gradients(net, images, labels):
    net.train()
    logits = net(images)
    F.cross_entropy(logits, labels).backward()
    return logits.numpy(), {name: p.grad.numpy() for name, p in net.named_parameters()}


@pytest.mark.parametrize(
    "options",
    [{}, {"channels_last": True}, {"name": "alexnet", "changes": {"norm": "none"}}],
)
def test_logits_and_gradients_are_those_of_the_whole_net(options):
    whole = whole_net(**options)
    side = whole.input_size
    images = paddle.to_tensor(RNG.normal(0, 1, (3, 3, side, side)).astype("float32"))
    labels = paddle.to_tensor(RNG.integers(0, CLASSES, 3))
    logits, want = gradients(whole, images, labels)

    def train(ranks):
        tower = Tower(whole, ranks, lrn="fused", dropout=0.0)
        logits, halves = gradients(tower, images, labels)
        return tower, logits, whole_arrays(tower, halves), gradient_norms(tower, ranks)

    results, sizes = in_both(train)
    for tower, got, found, norms in results:
        assert norms == pytest.approx(gradient_norms(whole), rel=1e-4)
        np.testing.assert_allclose(got, logits, rtol=1e-4, atol=1e-5)
        assert found.keys() == want.keys()
        for name, gradient in want.items():
            tolerance = 1e-4 * np.abs(gradient).max()
            np.testing.assert_allclose(found[name], gradient, atol=tolerance, err_msg=name)
        for name, parameter in tower.named_parameters():
            if not name.startswith("out_fc."):
                assert 2 * parameter.size == want[name].size, name
    # Before conv3, fc6, fc7 and fc8, and the logits; then backwards, but for the logits.
    if "name" not in options:
        assert sizes[:9] == crossings(whole)


def crossings(net):
    """Numbers that a tower of ``net`` sends for three images, by the paper's Figure 2."""
    conv2, conv5, fc6, fc7 = (net.stages[i][0] for i in (1, 4, 5, 6))
    halves = [conv2.channels * 13**2, conv5.channels * 6**2, fc6.units, fc7.units]
    forward = [3 * half // 2 for half in halves]
    return [*forward, 3 * ((CLASSES + 1) // 2), *forward[::-1]]


def test_arrays_are_halved_and_put_together():
    whole = whole_net()
    arrays = {**net_arrays(whole), "out_fc.bias/beta1_pow_acc_0": np.float32([0.9])}

    def halve(ranks):
        tower = Tower(whole, ranks)
        halves = own_arrays(tower, arrays)
        assert halves.keys() == arrays.keys()
        assert [
            name for name, p in tower.named_parameters() if list(halves[name].shape) != p.shape
        ] == []
        copy = build_model("alexnet_2012", CLASSES, width=0.05, blank=True)
        update_whole(tower, copy)
        return halves, whole_arrays(tower, halves), net_arrays(copy)

    ((first, *found), (second, *others)), _ = in_both(halve)
    for name, array in arrays.items():
        for got in (found[0][name], others[0][name], found[1].get(name, array)):
            np.testing.assert_array_equal(got, array)
    conv, linear = arrays["block3.0.weight"], arrays["block6.0.weight"]
    np.testing.assert_array_equal(first["block3.0.weight"], conv[: len(conv) // 2])
    half = linear.shape[1] // 2
    np.testing.assert_array_equal(second["block6.0.weight"], linear[:, half:])
    assert (first["out_fc.bias"].shape, second["out_fc.bias"].shape) == ((3,), (3,))
    assert not second["out_fc.weight"][:, 2].any()


def test_a_peer_lost_in_the_gradient_is_found_by_the_next_reduction():
    """Paddle would pass an OSError on, in which no one finds the PeerLost."""

    @dataclass(frozen=True)
    class Losing(Ranks):
        def exchange(self, tensor):
            if lost:
                raise PeerLost("rank 1 of 2 ended")
            return tensor

    lost = []
    x = paddle.ones([2, 3])
    x.stop_gradient = False
    both = SideBySide(Losing(0, 2, "towers"))(x)
    lost.append(True)
    both.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((2, 3)))


def test_other_nets_keep_their_arrays():
    net = nn.Linear(2, 3)
    arrays = net_arrays(net)
    assert own_arrays(net, arrays) is whole_arrays(net, arrays) is arrays


REASONS = {
    "alexnet": "norm that crosses the towers",
    "alexnet_paper": "norm that crosses the towers",
    "alexnet_caffe": "norm that crosses the towers",
    "caffenet": "norm that crosses the towers",
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_which_nets_have_towers(name):
    if name == "alexnet_2012":
        assert tower_stages(MODELS[name].stages, ALONE)
        return
    with pytest.raises(ValueError, match=REASONS.get(name, "has no towers")):
        tower_stages(MODELS[name].stages, ALONE)


GROUPED = Conv(8, 3, groups=2)


@pytest.mark.parametrize(
    ("stages", "match"),
    [
        (((Conv(8, 3), GROUPED, Local(4, 3)),), "no towers"),
        (((Conv(8, 3), GROUPED, Conv(8, 3, groups=4)),), "no towers"),
        (((GROUPED, Conv(8, 3)),), "after one outside"),
        (((Conv(8, 3), Dropout(0.5), GROUPED),), "after one outside"),
        (((Conv(8, 3), GROUPED, Dropout(0.5), Norm(towers=2)),), "after one outside"),
        (((Conv(8, 3), Norm(towers=4), GROUPED),), "norm"),
    ],
)
def test_stages_without_towers_are_refused(stages, match):
    with pytest.raises(ValueError, match=match):
        tower_stages(stages, ALONE)


def test_where_feature_maps_cross():
    stages = (
        (Conv(8, 3), MaxPool()),
        (GROUPED, ReLU()),
        (Conv(6, 3),),
        (Linear(10), ReLU(), Dropout(0.5)),
    )
    kinds = [[type(spec).__name__ for spec in stage] for stage in tower_stages(stages, ALONE)]
    assert kinds == [
        ["Conv", "MaxPool"],
        ["Conv", "ReLU", "Crossing"],
        ["Conv", "Crossing"],
        ["Linear", "ReLU", "Crossing", "Dropout"],
    ]

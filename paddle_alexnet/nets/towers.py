"""A net whose two towers are held by two processes, as the paper's section 3.2 has it.

Each process has half of the kernels and units of every layer, so half of its weights, and computes
its half of the outputs for the whole batch. Feature maps cross where a layer sees those of both
towers: before conv3 and the linear layers of ``alexnet_2012``. What crosses is the half that the
other process lacks; backwards, its part of that half's gradient.

The logits cross at the end, so both processes compute the same loss. Dropout stands behind a
crossing: both draw the mask of all units, which is that of a single process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer, PyLayerContext

from paddle_alexnet.errors import PeerLost
from paddle_alexnet.nets.alexnet import AlexNet
from paddle_alexnet.nets.changes import one_of_two
from paddle_alexnet.nets.layers import BuildOptions, build_layer
from paddle_alexnet.nets.stages import (
    Conv,
    Dropout,
    Linear,
    Local,
    Norm,
    Shape,
    Spec,
    Stages,
    Traced,
)
from paddle_alexnet.nets.weights import load_arrays, net_arrays
from paddle_alexnet.runtime.distributed import Ranks


@dataclass(frozen=True)
class Crossing(Spec):
    """The outputs of both towers side by side, in both processes."""

    ranks: Ranks

    def trace(self, shape: Shape) -> Traced:
        """Twice the channels or units."""
        return Traced((2 * shape[0], *shape[1:]), f"2 x {shape[0]}")


class _SideBySide(PyLayer):
    """From [N, C, ...] of each tower to [N, 2 C, ...], tower 0 first."""

    @staticmethod
    def forward(
        ctx: PyLayerContext, x: paddle.Tensor, ranks: Ranks, axis: int, parts: bool
    ) -> paddle.Tensor:
        ctx.ranks, ctx.axis, ctx.parts = ranks, axis, parts
        halves = [x, ranks.exchange(x)]
        return paddle.concat(halves[:: 1 - 2 * ranks.rank], axis)

    @staticmethod
    def backward(ctx: PyLayerContext, gradient: paddle.Tensor) -> paddle.Tensor:
        own, other = paddle.split(gradient, 2, ctx.axis)[:: 1 - 2 * ctx.ranks.rank]
        if not ctx.parts:
            return own
        try:
            return own + ctx.ranks.exchange(other)
        except PeerLost:
            # Paddle would make an OSError of it. The reductions after the gradients raise it again.
            return own


class SideBySide(nn.Layer):
    """Put the outputs of both towers side by side.

    Args:
        ranks: The two processes.
        axis: Of the channels or units.
        parts: Whether each process has a part of the gradient, to be summed: what follows differs.
            Else both have all of it.

    Shape:
        Input: [N, C, ...], or with channels last [N, ..., C]. Output: twice the channels.
    """

    def __init__(self, ranks: Ranks, axis: int = 1, parts: bool = True) -> None:
        super().__init__()
        self.ranks = ranks
        self.axis = axis
        self.parts = parts

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Exchange ``x`` for the other's."""
        return _SideBySide.apply(x, self.ranks, self.axis, self.parts)


@build_layer.register
def _(spec: Crossing, shape: Shape, options: BuildOptions) -> nn.Layer:
    last = len(shape) > 1 and options.data_format == "NHWC"
    return SideBySide(spec.ranks, axis=-1 if last else 1)


def tower_stages(stages: Stages, ranks: Ranks) -> Stages:
    """The stages of one tower, with crossings; names of weights stay.

    Raises:
        ValueError: The net does not have two towers; the reason, to follow its name.
    """
    specs = [spec for stage in stages for spec in stage]
    groups = {spec.groups for spec in specs if isinstance(spec, Conv)}
    if groups != {1, 2} or any(isinstance(spec, Local) for spec in specs):
        raise ValueError("has no towers: its layers are not in two groups")
    if any(isinstance(spec, Norm) and spec.towers != 2 for spec in specs):
        raise ValueError("has a response norm that crosses the towers")
    found: list[list[Spec]] = []
    halved = False
    for stage in stages:
        found.append([])
        for spec in stage:
            if halved and _sees_both(spec):
                # Rather at the end of a stage than at the start of the next: names of weights count
                # the layers before them.
                (found[-1] or found[-2]).append(Crossing(ranks))
                halved = False
            if _inside(spec) and not halved:
                raise ValueError(f"has a layer inside the towers after one outside: {spec}")
            halved = halved or isinstance(spec, (Conv, Linear))
            linear = isinstance(spec, Linear)
            found[-1].append(replace(spec, units=spec.units // 2) if linear else one_of_two(spec))
    if halved:
        found[-1].append(Crossing(ranks))
    return tuple(map(tuple, found))


def _inside(spec: Spec) -> bool:
    return isinstance(spec, Norm) or (isinstance(spec, Conv) and spec.groups == 2)


def _sees_both(spec: Spec) -> bool:
    return isinstance(spec, (Linear, Dropout)) or (isinstance(spec, Conv) and spec.groups == 1)


class Tower(AlexNet):
    """One tower of a net, the logits of the whole.

    Args:
        whole: The net; its weights are copied. An odd number of classes gets a unit more, without
            weights, so that both processes have as many.
        ranks: The two processes; rank 0 holds the first half of every layer.
        lrn: As for :class:`paddle_alexnet.nets.alexnet.AlexNet`.
        dropout: The same.

    Raises:
        ValueError: As :func:`tower_stages`.
    """

    def __init__(
        self, whole: AlexNet, ranks: Ranks, *, lrn: str = "avgpool3d", dropout: float | None = None
    ) -> None:
        super().__init__(
            (whole.num_classes + 1) // 2,
            stages=tower_stages(whole.stages, ranks),
            input_size=whole.input_size,
            lrn=lrn,
            init=None,
            dropout=dropout,
            channels_last=whole.data_format == "NHWC",
        )
        self.num_classes = whole.num_classes
        self.ranks = ranks
        self.logits = SideBySide(ranks, parts=False)  # after the head
        load_arrays(self, own_arrays(self, net_arrays(whole)), "the whole net")

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Return the logits [N, num_classes] of images ``x`` [N, 3, S, S], in both processes."""
        return super().forward(x)[:, : self.num_classes]


def own_arrays(net: nn.Layer, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """What of a whole net's arrays a process holds: all, or of a :class:`Tower` its halves.

    Args:
        net: What the process trains.
        arrays: By names that begin with a parameter's, as weights and an optimizer's accumulators.
    """
    if not isinstance(net, Tower):
        return arrays
    halves = {}
    for name, array in arrays.items():
        halves[name] = array
        if _is_split(name) and array.ndim:
            axis = _outputs(array)
            odd = [(0, size % 2 if place == axis else 0) for place, size in enumerate(array.shape)]
            halves[name] = np.split(np.pad(array, odd), 2, axis)[net.ranks.rank]
    return halves


def whole_arrays(net: nn.Layer, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Undo :func:`own_arrays`. Both processes must call it, and both get the whole."""
    if not isinstance(net, Tower):
        return arrays
    wholes = {}
    for name, array in arrays.items():
        wholes[name] = array
        if _is_split(name):
            halves = [array, net.ranks.exchange(paddle.to_tensor(array)).numpy()]
            whole = np.concatenate(halves[:: 1 - 2 * net.ranks.rank], _outputs(array))
            # But for the last layer the number of outputs is even, and this changes nothing.
            is_head = name.startswith(f"{net.head}.")
            wholes[name] = whole[..., : net.num_classes] if is_head else whole
    return wholes


def update_whole(net: nn.Layer, whole: nn.Layer) -> None:
    """Copy the weights of both towers to ``whole``, where that is another net.

    Args:
        net: What the process trains. If a :class:`Tower`, both processes must call this.
        whole: The net itself, or one with all weights.
    """
    arrays = whole_arrays(net, net_arrays(net)) if isinstance(net, Tower) else {}
    if whole is not net:
        load_arrays(whole, arrays, "the towers")


def _is_split(name: str) -> bool:
    """Adam's powers are numbers, the same for both halves of a parameter."""
    return "_pow_" not in name


def _outputs(array: np.ndarray) -> int:
    """The axis of the outputs: Linear weights are [in, out], all others begin with them."""
    return 1 if array.ndim == 2 else 0

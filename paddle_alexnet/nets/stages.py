"""The vocabulary that nets are written in: one small class for each kind of layer.

A net is a tuple of stages, a stage a tuple of layers; :mod:`paddle_alexnet.nets.registry` has the
nets. A class here holds a layer's settings and its arithmetic. How it becomes a Paddle layer is
registered with :func:`paddle_alexnet.nets.layers.build_layer`. This module does not load Paddle.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

HEAD = "out_fc"  # name of every net's last layer, which gives the logits

# Feature maps (channels, height, width), or features (units,).
Shape = tuple[int, ...]


class Traced(NamedTuple):
    """What a layer makes of a shape.

    Attributes:
        shape: Of the output.
        formula: The arithmetic of its size, with the result.
        parameters: Weights and biases.
        macs: Multiplications with weights for one image.
    """

    shape: Shape
    formula: str
    parameters: int = 0
    macs: int = 0


class Spec:
    """Settings of one layer; this class: of one that keeps the shape and has no weights.

    Attributes:
        kind: Its rows in :func:`paddle_alexnet.nets.shapes.trace_shapes` are kind1, kind2, ...
        on_features: Whether its input must be flattened.
    """

    kind: ClassVar[str] = ""
    on_features: ClassVar[bool] = False

    def trace(self, shape: Shape) -> Traced | None:
        """Compute the output's shape; None where it is that of the input."""
        return None

    def narrowed(self, width: float) -> "Spec":
        """The same layer in a net whose channels and hidden units are scaled by ``width``."""
        return self


@dataclass(frozen=True)
class Conv(Spec):
    """Convolution.

    Attributes:
        channels: Output feature maps.
        kernel: Side of the window.
        stride: Step of the window.
        padding: Zeros around the feature maps.
        end_padding: Further zeros at the right and the bottom only.
        groups: Parts of the channels that are convolved separately.
    """

    kind: ClassVar[str] = "conv"
    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    end_padding: int = 0
    groups: int = 1

    def trace(self, shape: Shape) -> Traced:
        """Compute the output's shape, parameters and multiplications."""
        padding = 2 * self.padding + self.end_padding
        size, formula = _slide(shape[1], padding, self.kernel, self.stride)
        weights = self.channels * shape[0] // self.groups * self.kernel**2
        output = (self.channels, size, size)
        return Traced(output, formula, weights + self.channels, weights * size**2)

    def narrowed(self, width: float) -> "Conv":
        """Scale the channels."""
        return replace(self, channels=_even(self.channels * width))


@dataclass(frozen=True)
class Local(Spec):
    """Convolution whose weights are not shared: a kernel and a bias for each place.

    cuda-convnet's ``local``; the size of the feature maps stays.

    Attributes:
        channels: Output feature maps.
        kernel: Side of the window, odd; zeros around the feature maps are half of it.

    Raises:
        ValueError: ``kernel`` is not odd.
    """

    kind: ClassVar[str] = "local"
    channels: int
    kernel: int

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"the kernel of a local layer must be odd, got {self.kernel}")

    def trace(self, shape: Shape) -> Traced:
        """Compute the output's shape, parameters and multiplications."""
        size, formula = _slide(shape[1], 2 * (self.kernel // 2), self.kernel, 1)
        weights = self.channels * shape[0] * self.kernel**2 * size**2
        output = (self.channels, size, size)
        return Traced(output, formula, weights + math.prod(output), weights)

    def narrowed(self, width: float) -> "Local":
        """Scale the channels."""
        return replace(self, channels=_even(self.channels * width))


@dataclass(frozen=True)
class Pool(Spec):
    """Pooling: :class:`MaxPool` or :class:`AvgPool`. The paper's windows overlap.

    Attributes:
        size: Side of the window.
        stride: Step of the window, at most ``size``.
        round_up: Whether there is a last window that reaches over the edge and is clipped there, as
            in cuda-convnet; else it is left out.
    """

    kind: ClassVar[str] = "pool"
    size: int = 3
    stride: int = 2
    round_up: bool = False

    def trace(self, shape: Shape) -> Traced:
        """Compute the output's shape."""
        size, formula = _slide(shape[1], 0, self.size, self.stride, self.round_up)
        return Traced((shape[0], size, size), formula)


@dataclass(frozen=True)
class MaxPool(Pool):
    """Largest value of each window."""


@dataclass(frozen=True)
class AvgPool(Pool):
    """Mean of each window; of a clipped one, of the part that is left."""


@dataclass(frozen=True)
class Linear(Spec):
    """Fully-connected layer."""

    kind: ClassVar[str] = "fc"
    on_features: ClassVar[bool] = True
    units: int

    def trace(self, shape: Shape) -> Traced:
        """Compute the output's shape, parameters and multiplications."""
        features = math.prod(shape)
        product = f"{' x '.join(map(str, shape))} = " if len(shape) > 1 else ""
        weights = features * self.units
        formula = f"{product}{features} -> {self.units}"
        return Traced((self.units,), formula, weights + self.units, weights)

    def narrowed(self, width: float) -> "Linear":
        """Scale the units."""
        return replace(self, units=_even(self.units * width))


@dataclass(frozen=True)
class ReLU(Spec):
    """max(x, 0)."""


@dataclass(frozen=True)
class Tanh(Spec):
    """tanh(x), with which the paper's section 3.1 compares the ReLU."""


@dataclass(frozen=True)
class Dropout(Spec):
    """Dropout; ``rate`` is the fraction of values set to zero in training, in [0, 1)."""

    rate: float = 0.5


@dataclass(frozen=True)
class ResponseNorm(Spec):
    r"""Settings of a local response norm: :class:`Norm` or :class:`MapNorm`.

    .. math:: b = a \,/\, (\text{bias} + \alpha \cdot \text{mean}(a^2))^\beta

    The mean runs over a window of fixed size: positions outside count as zeros. ``alpha`` therefore
    multiplies the *mean* of the squares, as in Caffe, PyTorch, ONNX and the original code. The
    paper's formula multiplies their sum: its 1e-4 is ``local_size * 1e-4`` here.

    Attributes:
        alpha: Weight of the mean square, > 0.
        bias: The paper's k, > 0.
        beta: Exponent, > 0.
        local_size: Length of the window, the paper's n; odd.

    Raises:
        ValueError: Even or non-positive ``local_size``, or another value that is not positive.
    """

    across_channels: ClassVar[bool]
    alpha: float = 1e-4
    bias: float = 1.0
    beta: float = 0.75
    local_size: int = 5

    def __post_init__(self) -> None:
        size = self.local_size
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"LRN local_size must be a positive whole number, got {size!r}")
        if size % 2 == 0:
            raise ValueError(
                f"LRN local_size must be odd so that the window has a centre, got {size}: "
                f"use {size - 1} or {size + 1}"
            )
        for name in ("alpha", "beta", "bias"):
            if not getattr(self, name) > 0:
                raise ValueError(f"LRN {name} must be greater than 0, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class Norm(ResponseNorm):
    """Response norm over ``local_size`` neighbouring channels (the paper, section 3.3).

    Attributes:
        towers: Parts of the channels that are normalised separately.
    """

    across_channels: ClassVar[bool] = True
    towers: int = 1


@dataclass(frozen=True)
class MapNorm(ResponseNorm):
    """Response norm over ``local_size`` x ``local_size`` places within each feature map.

    Caffe's WITHIN_CHANNEL; the mean divides by ``local_size ** 2``.
    """

    across_channels: ClassVar[bool] = False


Stage = tuple[Spec, ...]
Stages = tuple[Stage, ...]


def narrow(stages: Stages, width: float) -> Stages:
    """Multiply channels and hidden units by ``width``, to even numbers of at least 2.

    Raises:
        ValueError: ``width`` is not above 0 and at most 1.
    """
    if not 0 < width <= 1:
        raise ValueError(f"width must be above 0 and at most 1, got {width!r}")
    return tuple(tuple(spec.narrowed(width) for spec in stage) for stage in stages)


def _even(value: float) -> int:
    """So that two groups divide it."""
    return 2 * max(1, round(value / 2))


def _slide(
    size: int, padding: int, window: int, stride: int, round_up: bool = False
) -> tuple[int, str]:
    """How many places a window has along a side, and the formula.

    Rounded up, the last window may reach beyond the side.

    Raises:
        ValueError: It is larger than the side, and not to be rounded up.
    """
    if window > size + padding and not round_up:
        raise ValueError(
            f"a window of {window} does not fit on {size + padding} places a side: a larger "
            "input_size is needed"
        )
    steps, rest = divmod(max(0, size + padding - window), stride)
    steps += bool(rest and round_up)
    padded = f"{size} + {padding}" if padding else f"{size}"
    formula = f"({padded} - {window}) / {stride} + 1 = {steps + 1}"
    return steps + 1, f"{formula}, rounded {'up' if round_up else 'down'}" if rest else formula

"""The vocabulary of the nets: a net is a list of stages, a stage a tuple of layer descriptions.

A description knows its arithmetic and how it becomes a Paddle layer, so that a further kind of layer
is one class here. Shapes are those of one image: ``(channels, size)`` of square feature maps, or
``(features,)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from paddle import nn
from paddle.nn.initializer import Initializer

from paddle_alexnet.nets import layers
from paddle_alexnet.nets.lrn import NormSettings, build_norm

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """How a net is built, beside what it is.

    Attributes:
        lrn: Form of the response norm, a key of :data:`paddle_alexnet.nets.lrn.LRN_KINDS`.
        dropout: Fraction of units set to zero, in place of the net's own; None for that.
        data_format: Axes of feature maps, ``NCHW`` or ``NHWC``.
        weights: Initializer that Paddle draws with; None for Paddle's default.
    """

    lrn: str = "avgpool3d"
    dropout: float | None = None
    data_format: str = "NCHW"
    weights: Initializer | None = None


class Layer:
    """Description of a layer; by default one without a size of its own."""

    kind = ""  # conv, pool, fc: of layers that change the shape, for names such as conv1
    flat = False  # whether it takes features rather than feature maps

    def output(self, shape: Shape) -> Shape:
        """Shape that comes out for ``shape``."""
        return shape

    def formula(self, shape: Shape) -> str:
        """The arithmetic of :meth:`output`, with its result."""
        return ""

    def weights(self, shape: Shape) -> int:
        """Number of weights, without biases."""
        return 0

    def narrowed(self, width: float) -> "Layer":
        """The same with ``width`` times the channels or units, even and at least 2."""
        return self

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """The Paddle layer for inputs of ``shape``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution.

    Attributes:
        channels: Output feature maps.
        kernel: Side of the window.
        stride: Step of the window.
        padding: Zeros around the feature maps.
        end_padding: Further zeros at the right and the bottom only.
        groups: Parts of the channels that are convolved separately.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    end_padding: int = 0
    groups: int = 1
    kind = "conv"

    def output(self, shape: Shape) -> Shape:
        """Rounded down, as all frameworks do."""
        return self.channels, _window(shape[1] + self._zeros, self.kernel, self.stride)

    def formula(self, shape: Shape) -> str:
        """(size + zeros - kernel) / stride + 1."""
        padded = f"{shape[1]} + {self._zeros}" if self._zeros else f"{shape[1]}"
        return _formula(padded, shape[1] + self._zeros, self.kernel, self.stride)

    def weights(self, shape: Shape) -> int:
        """Of all output channels; each sees the channels of its group."""
        return self.channels * shape[0] // self.groups * self.kernel**2

    def narrowed(self, width: float) -> "Conv":
        """Even, so that two groups divide the channels."""
        return replace(self, channels=_even(self.channels * width))

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """:class:`paddle_alexnet.nets.layers.Conv2D`."""
        # Paddle's order: top, bottom, left, right.
        start, end = self.padding, self.padding + self.end_padding
        return layers.Conv2D(
            shape[0],
            self.channels,
            kernel_size=self.kernel,
            stride=self.stride,
            padding=[start, end, start, end] if self.end_padding else self.padding,
            groups=self.groups,
            weight_attr=form.weights,
            data_format=form.data_format,
        )

    @property
    def _zeros(self) -> int:
        return 2 * self.padding + self.end_padding


@dataclass(frozen=True)
class MaxPool(Layer):
    """Max pooling over ``size`` x ``size`` windows; they overlap where the stride is smaller."""

    size: int = 3
    stride: int = 2
    kind = "pool"

    def output(self, shape: Shape) -> Shape:
        """Rounded down."""
        return shape[0], _window(shape[1], self.size, self.stride)

    def formula(self, shape: Shape) -> str:
        """(size - window) / stride + 1."""
        return _formula(f"{shape[1]}", shape[1], self.size, self.stride)

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """:class:`paddle_alexnet.nets.layers.MaxPool2D`."""
        return layers.MaxPool2D(self.size, self.stride, data_format=form.data_format)


@dataclass(frozen=True)
class Norm(NormSettings, Layer):
    """Response norm; attributes as :class:`paddle_alexnet.nets.lrn.NormSettings`."""

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """In the form that is asked for; all are equal to rounding."""
        return build_norm(form.lrn, shape[0], self, form.data_format)


@dataclass(frozen=True)
class ReLU(Layer):
    """max(0, x), the paper's section 3.1."""

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """``paddle.nn.ReLU``."""
        return nn.ReLU()


@dataclass(frozen=True)
class Linear(Layer):
    """Fully-connected layer with ``units`` outputs."""

    units: int
    kind = "fc"
    flat = True

    def output(self, shape: Shape) -> Shape:
        """One vector an image."""
        return (self.units,)

    def formula(self, shape: Shape) -> str:
        """Features of all feature maps, and units."""
        maps = f"{shape[0]} x {shape[1]} x {shape[1]} = " if len(shape) > 1 else ""
        return f"{maps}{features(shape)} -> {self.units}"

    def weights(self, shape: Shape) -> int:
        """Every feature times every unit."""
        return features(shape) * self.units

    def narrowed(self, width: float) -> "Linear":
        """Even, as channels are."""
        return replace(self, units=_even(self.units * width))

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """:class:`paddle_alexnet.nets.layers.Linear`."""
        return layers.Linear(features(shape), self.units, weight_attr=form.weights)


@dataclass(frozen=True)
class Dropout(Layer):
    """Set a fraction ``p`` of the units to zero in training, the paper's section 4.2."""

    p: float = 0.5
    flat = True

    def build(self, shape: Shape, form: Form) -> nn.Layer:
        """``paddle.nn.Dropout``; it scales what is left, so that nothing is done in evaluation."""
        return nn.Dropout(self.p if form.dropout is None else form.dropout)


Stage = tuple[Layer, ...]


def features(shape: Shape) -> int:
    """Numbers in an image's output: channels x size x size, or features."""
    return prod(shape) * (shape[1] if len(shape) > 1 else 1)


def narrowed(stages: Sequence[Stage], width: float) -> tuple[Stage, ...]:
    """The same stages with ``width`` times the channels and units.

    Raises:
        ValueError: ``width`` is not above 0 and at most 1.
    """
    if not 0 < width <= 1:
        raise ValueError(f"width must be above 0 and at most 1, got {width!r}")
    return tuple(tuple(layer.narrowed(width) for layer in stage) for stage in stages)


def _even(value: float) -> int:
    return 2 * max(1, round(value / 2))


def _window(size: int, kernel: int, stride: int) -> int:
    return (size - kernel) // stride + 1


def _formula(text: str, size: int, kernel: int, stride: int) -> str:
    rounded = ", rounded down" if (size - kernel) % stride else ""
    result = _window(size, kernel, stride)
    return f"({text} - {kernel}) / {stride} + 1 = {result}{rounded}"

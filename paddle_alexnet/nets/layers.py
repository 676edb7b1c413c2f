"""Layers as the nets use them, and how a layer is built from its settings.

On a CPU :class:`Conv2D` and :class:`Linear` broadcast their bias with ``expand_as`` before they add
it. Values and gradients are Paddle's to rounding, for two reasons measured with Paddle 3.3:

- Paddle adds tensors of different shapes, and sums their gradients, many times more slowly than it
  expands one and adds two of the same shape: a training step of AlexNet takes a fifth less time.
- In a graph with oneDNN the gradient of a linear layer's bias is wrong where the batch has as many
  images as the layer has outputs: the sum runs along the wrong axis.

In such a graph the feature maps before and after a convolution are copied (``paddle.assign``). A
convolution has memory layouts of its own, and a copy has Paddle's. Without it oneDNN meets tensors
of different layouts: for ReLU's gradient it then takes its reference kernel, ten times as long, for
a product's twice the time of a step of cifar_11pct, and it converts layouts more often.

Exported graphs keep the usual form, which engines recognise and fuse.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.nn.initializer import Initializer

from paddle_alexnet.nets import stages
from paddle_alexnet.nets.lrn import build_lrn


def _adds_bias_itself(layer: nn.Layer) -> bool:
    in_use = layer.training or paddle.in_dynamic_mode()
    return in_use and paddle.get_device() == "cpu"


class Conv2D(nn.Conv2D):
    """``paddle.nn.Conv2D`` with a faster bias on a CPU; see the module."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Convolve ``x`` [N, C, H, W], or [N, H, W, C] where ``data_format`` says so."""
        if not _adds_bias_itself(self):
            return super().forward(x)
        in_graph = not paddle.in_dynamic_mode()
        maps = F.conv2d(
            *(paddle.assign(x) if in_graph and not x.stop_gradient else x, self.weight, None),
            *(self._stride, self._updated_padding),
            groups=self._groups,
            data_format=self._data_format,
        )
        maps = paddle.assign(maps) if in_graph else maps
        shape = [1, -1, 1, 1] if self._data_format == "NCHW" else [1, 1, 1, -1]
        return maps + self.bias.reshape(shape).expand_as(maps)


class Linear(nn.Linear):
    """``paddle.nn.Linear`` with a faster bias on a CPU; see the module."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Map ``x`` [N, inputs] to [N, outputs]."""
        if not _adds_bias_itself(self):
            return super().forward(x)
        product = F.linear(x, self.weight)
        return product + self.bias.reshape([1, -1]).expand_as(product)


class MaxPool2D(nn.MaxPool2D):
    """``paddle.nn.MaxPool2D``, computed in training on a CPU by the kernel that keeps indices.

    The other kernel's gradient ends the process in a graph compiled with oneDNN (Paddle 3.3,
    measured), and is slower. The values are the same; so is the gradient, also where several places
    hold the maximum. For NHWC Paddle has only the other kernel.
    """

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Pool ``x`` [N, C, H, W], or [N, H, W, C] where ``data_format`` says so."""
        if self.training and paddle.get_device() == "cpu" and self.data_format == "NCHW":
            sizes = self.ksize, self.stride, self.padding
            return F.max_pool2d(x, *sizes, return_mask=True, ceil_mode=self.ceil_mode)[0]
        return super().forward(x)


class Local2D(nn.Layer):
    """Convolution whose weights are not shared: a kernel and a bias for each place.

    The window around each place becomes a row of a matrix, which is multiplied with that place's
    own matrix. The zeros around the feature maps keep their size.

    Args:
        channels: C, of the input.
        out_channels: O, of the output.
        size: S, side of the feature maps.
        kernel: K, side of the window, odd.
        weight_attr: How weights start; None for Paddle's default.
        data_format: ``NCHW`` or ``NHWC``.

    Attributes:
        weight: [S * S, C * K * K, O], places in order of rows.
        bias: [S * S, O].

    Shape:
        Input: float tensor [N, C, S, S], or [N, S, S, C]. Output: [N, O, S, S], or [N, S, S, O].
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        size: int,
        kernel: int,
        *,
        weight_attr: Initializer | None = None,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__()
        self.size = size
        self.kernel = kernel
        self.data_format = data_format
        shape = [size * size, channels * kernel**2, out_channels]
        self.weight = self.create_parameter(shape, attr=weight_attr)
        self.bias = self.create_parameter([shape[0], out_channels], is_bias=True)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Apply each place's kernel to the window around it."""
        if self.data_format == "NHWC":
            x = x.transpose([0, 3, 1, 2])
        windows = F.unfold(x, self.kernel, 1, self.kernel // 2)  # [N, C * K * K, S * S]
        # Not matmul, which is another with oneDNN and does not train right (Paddle 3.3, measured).
        product = paddle.bmm(windows.transpose([2, 0, 1]), self.weight)  # [S * S, N, O]
        bias = self.bias.unsqueeze(1)
        places = product + (bias.expand_as(product) if _adds_bias_itself(self) else bias)
        if self.data_format == "NHWC":
            return places.transpose([1, 0, 2]).reshape([0, self.size, self.size, -1])
        return places.transpose([1, 2, 0]).reshape([0, 0, self.size, self.size])


class Normalize(nn.Layer):
    """Turn uint8 RGB [N, H, W, 3] into float32 [N, 3, H, W] with the given mean and std removed.

    Args:
        mean: On [0, 1]; per channel [3], or a mean image [H, W, 3].
        std: Per channel, on [0, 1], > 0.
        offset_divisor: Images with an offset are divided by it in the end.
    """

    def __init__(
        self, mean: Sequence[float] | np.ndarray, std: Sequence[float], offset_divisor: float = 1.0
    ) -> None:
        super().__init__()
        mean, std = np.array(mean, np.float64), np.array(std, np.float64)
        # (x / 255 - mean) / std as one product and one sum.
        self.register_buffer("scale", _channels_first(1 / (255 * std)), persistable=False)
        self.register_buffer("offset", _channels_first(-mean / std), persistable=False)
        self.offset_divisor = offset_divisor

    def forward(self, images: paddle.Tensor, offsets: paddle.Tensor | None = None) -> paddle.Tensor:
        """Normalise ``images``; ``offsets`` [N, 3], of pixels on 0..255, are added before."""
        pixels = images.transpose([0, 3, 1, 2]).astype("float32")
        if offsets is None:
            return pixels * self.scale + self.offset
        moved = pixels + offsets.unsqueeze([2, 3])
        return (moved * self.scale + self.offset) / self.offset_divisor


def _channels_first(values: np.ndarray) -> paddle.Tensor:
    """From [3] or [H, W, 3] to [3, 1, 1] or [3, H, W].

    Without an axis for the batch: with one, of length 1, Paddle takes ten times as long (measured).
    """
    shaped = values.reshape(1, 1, 3) if values.ndim == 1 else values
    return paddle.to_tensor(np.ascontiguousarray(shaped.transpose(2, 0, 1), dtype=np.float32))


@dataclass(frozen=True)
class BuildOptions:
    """What all layers of a net are built with.

    Attributes:
        lrn: One of :data:`paddle_alexnet.nets.lrn.LRN_KINDS`.
        dropout: In place of the rate of every dropout; None for its own.
        data_format: ``NCHW`` or ``NHWC``.
        weight_attr: How weights start; None for Paddle's default.
    """

    lrn: str = "avgpool3d"
    dropout: float | None = None
    data_format: str = "NCHW"
    weight_attr: Initializer | None = None


@functools.singledispatch
def build_layer(spec: stages.Spec, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    """Build the Paddle layer of ``spec``; one function is registered for each class of settings.

    Args:
        spec: The layer's settings.
        shape: Of its input, without the batch.
        options: What it shares with the net's other layers.
    """
    raise TypeError(f"build_layer knows no layer for {type(spec).__name__}")


@build_layer.register
def _(spec: stages.Conv, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    start, end = spec.padding, spec.padding + spec.end_padding
    return Conv2D(
        *(shape[0], spec.channels, spec.kernel, spec.stride),
        # Paddle's order: top, bottom, left, right.
        padding=[start, end, start, end] if spec.end_padding else spec.padding,
        groups=spec.groups,
        weight_attr=options.weight_attr,
        data_format=options.data_format,
    )


@build_layer.register
def _(spec: stages.ReLU, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    return nn.ReLU()


@build_layer.register
def _(spec: stages.Tanh, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    return nn.Tanh()


@build_layer.register
def _(spec: stages.Linear, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    return Linear(math.prod(shape), spec.units, options.weight_attr)


@build_layer.register
def _(spec: stages.Local, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    return Local2D(
        *(shape[0], spec.channels, shape[1], spec.kernel),
        weight_attr=options.weight_attr,
        data_format=options.data_format,
    )


@build_layer.register
def _(spec: stages.Pool, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    kind = MaxPool2D if isinstance(spec, stages.MaxPool) else nn.AvgPool2D
    return kind(spec.size, spec.stride, ceil_mode=spec.round_up, data_format=options.data_format)


@build_layer.register
def _(spec: stages.Dropout, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    return nn.Dropout(spec.rate if options.dropout is None else options.dropout)


@build_layer.register
def _(spec: stages.ResponseNorm, shape: stages.Shape, options: BuildOptions) -> nn.Layer:
    return build_lrn(options.lrn, spec, shape[0], options.data_format)

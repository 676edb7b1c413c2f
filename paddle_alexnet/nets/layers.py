"""Layers of the nets: Paddle's, made fast or safe on a CPU, and the normalisation of the input."""

from collections.abc import Callable, Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

HALF_PRECISION = (paddle.float16, paddle.bfloat16)


def _broadcasts(layer: nn.Layer) -> bool:
    in_use = layer.training or paddle.in_dynamic_mode()
    return in_use and paddle.get_device() == "cpu"


class Conv2D(nn.Conv2D):
    """``paddle.nn.Conv2D`` that on a CPU broadcasts its bias with expand_as before adding it.

    Values and gradients are Paddle's to rounding, for two reasons that were measured with Paddle
    3.3; the same holds for :class:`Linear`:

    - It adds tensors of unlike shapes, and sums their gradients, many times more slowly than it
      expands one and adds two of like shape: a training step of AlexNet takes a fifth less.
    - In a graph with oneDNN the gradient of a linear layer's bias is wrong where the batch has as
      many images as the layer has outputs: the sum runs along the wrong axis.

    Exported graphs keep the usual form, which engines recognise and fuse.
    """

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Convolve ``x`` [N, C, H, W], or [N, H, W, C] where ``data_format`` says so."""
        if not _broadcasts(self):
            return super().forward(x)
        maps = F.conv2d(
            *(x, self.weight, None, self._stride, self._updated_padding),
            groups=self._groups,
            data_format=self._data_format,
        )
        shape = [1, -1, 1, 1] if self._data_format == "NCHW" else [1, 1, 1, -1]
        return maps + self.bias.reshape(shape).expand_as(maps)


class Linear(nn.Linear):
    """``paddle.nn.Linear``; see :class:`Conv2D`."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Map ``x`` [N, inputs] to [N, outputs]."""
        if not _broadcasts(self):
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
            return F.max_pool2d(x, self.ksize, self.stride, self.padding, return_mask=True)[0]
        return super().forward(x)


class Normalize(nn.Layer):
    """From uint8 RGB [N, H, W, 3] to float32 [N, 3, H, W], mean subtracted, divided by std.

    Args:
        mean: On [0, 1]; per channel [3], or an image [H, W, 3].
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


def in_float32(
    function: Callable[[paddle.Tensor], paddle.Tensor], x: paddle.Tensor
) -> paddle.Tensor:
    """``function(x)``, computed in float32 where mixed precision has a shorter type.

    For response norms: the square of 256 is more than float16 can hold, and Paddle would compute
    their products, convolutions and poolings in float16.

    Args:
        function: From a tensor to one.
        x: float; float16 and bfloat16 are widened before ``function`` gets them.

    Returns:
        The result, of the dtype of ``x``.
    """
    with paddle.amp.auto_cast(enable=False):
        if x.dtype in HALF_PRECISION:
            return function(x.astype("float32")).astype(x.dtype)
        return function(x)

"""Convolution and linear layer that spread their bias before they add it, on a CPU.

Values and gradients are Paddle's to rounding, for two reasons that were measured with Paddle 3.3:

- It adds tensors of unlike shapes, and sums their gradients, many times more slowly than it spreads
  one and adds two of like shape: a training step of AlexNet takes a fifth less this way.
- In a graph with oneDNN the gradient of a linear layer's bias is wrong where the batch has as many
  pictures as the layer has outputs: the sum runs along the wrong axis.

Exported graphs keep the usual form, which engines recognise and fuse.
"""

import paddle
from paddle import nn
from paddle.nn import functional as F


def _spreads(layer: nn.Layer) -> bool:
    in_use = layer.training or paddle.in_dynamic_mode()
    return in_use and paddle.get_device() == "cpu"


class Conv2D(nn.Conv2D):
    """``paddle.nn.Conv2D``; see the module."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Convolve ``x`` [N, C, H, W], or [N, H, W, C] where ``data_format`` says so."""
        if not _spreads(self):
            return super().forward(x)
        maps = F.conv2d(
            *(x, self.weight, None, self._stride, self._updated_padding),
            groups=self._groups,
            data_format=self._data_format,
        )
        shape = [1, -1, 1, 1] if self._data_format == "NCHW" else [1, 1, 1, -1]
        return maps + self.bias.reshape(shape).expand_as(maps)


class Linear(nn.Linear):
    """``paddle.nn.Linear``; see the module."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Map ``x`` [N, inputs] to [N, outputs]."""
        if not _spreads(self):
            return super().forward(x)
        product = F.linear(x, self.weight)
        return product + self.bias.reshape([1, -1]).expand_as(product)

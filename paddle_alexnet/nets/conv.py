"""Convolution whose bias costs what it should on a CPU."""

import paddle
from paddle import nn
from paddle.nn import functional as F


class Conv2D(nn.Conv2D):
    """``paddle.nn.Conv2D`` with the bias spread over the maps before it is added, on a CPU.

    The values and gradients are the same to rounding. Paddle 3.3 adds tensors of unlike shapes, and
    sums their gradients, many times more slowly than it spreads one and adds two of like shape: a
    training step of AlexNet takes a fifth less this way (measured, with oneDNN and without).
    Exported graphs keep the usual form, which engines recognise and fuse.
    """

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Convolve ``x`` [N, C, H, W]."""
        if paddle.get_device() != "cpu" or not (self.training or paddle.in_dynamic_mode()):
            return super().forward(x)
        maps = F.conv2d(
            x, self.weight, None, self._stride, self._updated_padding, groups=self._groups
        )
        return maps + self.bias.reshape([1, -1, 1, 1]).expand_as(maps)

"""Max pooling that trains on a CPU in every way Paddle runs a net."""

import paddle
from paddle import nn
from paddle.nn import functional as F


class MaxPool2D(nn.MaxPool2D):
    """``paddle.nn.MaxPool2D``, computed in training on a CPU by the kernel that keeps indices.

    The other kernel's gradient ends the process in a graph compiled with oneDNN (Paddle 3.3,
    measured), and is slower. The values are the same; so is the gradient, also where several places
    hold the maximum. With the channels last Paddle has but the other kernel.
    """

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Pool ``x`` [N, C, H, W], or [N, H, W, C] where ``data_format`` says so."""
        if self.training and paddle.get_device() == "cpu" and self.data_format == "NCHW":
            return F.max_pool2d(x, self.ksize, self.stride, self.padding, return_mask=True)[0]
        return super().forward(x)

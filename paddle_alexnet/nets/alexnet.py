"""AlexNet, block by block."""

import paddle
from paddle import nn

from paddle_alexnet.nets.init import initialize
from paddle_alexnet.nets.lrn import channel_lrn


class AlexNet(nn.Layer):
    """The flagship net: one tower, groups in conv2 only, norm after the ReLU of conv1 and conv2.

    Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
    Networks", NIPS 2012, section 3.5 gives the widths. 62,071,144 parameters at 1,000 classes.
    The maps at 227 x 227: 55, 27 | 27, 13 | 13 | 13 | 13, 6 | 4,096 | 4,096 | classes.

    Args:
        num_classes: Logits, >= 1.
        lrn: Form of the response norm: ``avgpool3d`` (layer pools, as in the published table),
            ``builtin`` or ``fused`` (the fastest on a CPU). They compute the same.
        init: How weights start: see :data:`paddle_alexnet.nets.init.INITS`.
        dropout: Share of fc6's and fc7's outputs set to zero in training, in [0, 1).

    Shape:
        Input: float32 [N, 3, 227, 227], normalised RGB. Output: logits float32 [N, num_classes].

    Raises:
        ValueError: A value out of its range, or an unknown ``lrn`` or ``init``.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        lrn: str = "avgpool3d",
        init: str = "he",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.num_classes = num_classes
        # alpha 1e-4 on the mean and k=1, as published with this net (Caffe's values); the paper's
        # text has k=2 and 1e-4 on the sum.
        self.block1 = nn.Sequential(
            nn.Conv2D(3, 96, kernel_size=11, stride=4),
            nn.ReLU(),
            channel_lrn(lrn, 96, local_size=5, alpha=1e-4),
            nn.MaxPool2D(kernel_size=3, stride=2),
        )
        self.block2 = nn.Sequential(
            nn.Conv2D(96, 256, kernel_size=5, padding=2, groups=2),
            nn.ReLU(),
            channel_lrn(lrn, 256, local_size=5, alpha=1e-4),
            nn.MaxPool2D(kernel_size=3, stride=2),
        )
        self.block3 = nn.Sequential(nn.Conv2D(256, 384, kernel_size=3, padding=1), nn.ReLU())
        self.block4 = nn.Sequential(nn.Conv2D(384, 384, kernel_size=3, padding=1), nn.ReLU())
        self.block5 = nn.Sequential(
            nn.Conv2D(384, 256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2D(kernel_size=3, stride=2),
        )
        self.flatten = nn.Flatten()
        self.block6 = nn.Sequential(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(dropout))
        self.block7 = nn.Sequential(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(dropout))
        self.out_fc = nn.Linear(4096, num_classes)
        initialize(self, init)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Return the logits [N, num_classes] of images ``x`` [N, 3, 227, 227]."""
        x = self.block1(x)
        x = self.block2(x)
        x = self.block3(x)
        x = self.block4(x)
        x = self.block5(x)
        x = self.flatten(x)
        x = self.block6(x)
        x = self.block7(x)
        return self.out_fc(x)

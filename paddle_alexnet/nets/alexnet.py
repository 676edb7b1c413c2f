"""AlexNet, block by block."""

import paddle
from paddle import nn
from paddle.nn.initializer import Initializer

from paddle_alexnet.nets.init import initialize
from paddle_alexnet.nets.layers import Conv2D, Linear, MaxPool2D, data_format
from paddle_alexnet.nets.lrn import channel_lrn, map_lrn
from paddle_alexnet.nets.shapes import walk
from paddle_alexnet.nets.stages import ALEXNET, Design, Stage


class AlexNet(nn.Layer):
    """Five convolutions and three fully-connected layers, as a row of the table of designs says.

    The default is the flagship, seed 000's net: one tower, groups in conv2 only, norm after the
    ReLU of conv1 and conv2; 62,071,144 parameters at 1,000 classes; maps of 55, 27 | 27, 13 | 13 |
    13 | 13, 6 at 227 x 227. The widths are the paper's (section 3.5).

    Args:
        num_classes: Logits, >= 1.
        design: A row of :data:`paddle_alexnet.nets.registry.DESIGNS`.
        lrn: Form of the response norm: ``avgpool3d`` (layer pools, as in the published table),
            ``builtin`` or ``fused`` (the fastest on a CPU). They compute the same.
        init: How weights start: see :data:`paddle_alexnet.nets.init.INITS`; None: all at 0 and
            nothing drawn, for a net that is about to be given others.
        dropout: Share of fc6's and fc7's values set to zero in training, in [0, 1); None for the
            design's.
        channels_last: Convolutions, pools and norms see [N, H, W, C] inside, which a GPU's tensor
            cores want. Same weights and inputs, and same numbers but for rounding.

    Shape:
        Input: float [N, 3, S, S], normalised RGB, S the design's ``input_size``. Output: logits
        [N, num_classes].

    Raises:
        ValueError: A value out of its range, an unknown ``lrn`` or ``init``, or an input of
            another shape or type.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        design: Design = ALEXNET,
        lrn: str = "avgpool3d",
        init: str | None = "he",
        dropout: float | None = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        dropout = design.dropout if dropout is None else dropout
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.num_classes = num_classes
        self.design = design
        self.channels_last = channels_last
        # Paddle draws weights of its own, which are drawn over; for 60 million that takes a second.
        start = nn.initializer.Constant(0.0) if init is None else None
        channels = 3
        blocks = []
        for stage in design.stages:
            blocks.append(_block(design, stage, channels, lrn, start, channels_last=channels_last))
            channels = stage.channels
        self.block1, self.block2, self.block3, self.block4, self.block5 = blocks
        self.flatten = nn.Flatten()
        features = channels * walk(design)[-1].size ** 2
        self.block6 = _hidden(design, features, dropout, start)
        self.block7 = _hidden(design, design.hidden, dropout, start)
        self.head = "out_fc"
        self.out_fc = Linear(design.hidden, num_classes, weight_attr=start)
        if init is not None:
            initialize(self, init, hidden_bias=design.hidden_bias)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Return the logits [N, num_classes] of images ``x`` [N, 3, S, S]."""
        side = self.design.input_size
        dtype = self.out_fc.weight.dtype
        if x.ndim != 4 or list(x.shape[1:]) != [3, side, side] or x.dtype != dtype:
            raise ValueError(
                f"this net takes a tensor of images [N, 3, {side}, {side}], {_short(dtype)}, got "
                f"{type(x).__name__} {list(x.shape)}, {_short(x.dtype)}"
            )
        if self.channels_last:
            x = x.transpose([0, 2, 3, 1])
        x = self.block1(x)
        x = self.block2(x)
        x = self.block3(x)
        x = self.block4(x)
        x = self.block5(x)
        if self.channels_last:
            x = x.transpose([0, 3, 1, 2])  # fc6's weights are for maps one after the other
        x = self.flatten(x)
        x = self.block6(x)
        x = self.block7(x)
        return self.out_fc(x)


def _short(dtype: object) -> str:
    return str(dtype).removeprefix("paddle.")


def _block(
    design: Design,
    stage: Stage,
    channels: int,
    lrn: str,
    weights: Initializer | None,
    *,
    channels_last: bool,
) -> nn.Sequential:
    """A convolution of ``channels`` maps and what follows it."""
    # Paddle's order: top, bottom, left, right.
    start, end = stage.padding, stage.padding + stage.end_padding
    conv = Conv2D(
        channels,
        stage.channels,
        kernel_size=stage.kernel,
        stride=stage.stride,
        padding=[start, end, start, end] if stage.end_padding else stage.padding,
        groups=stage.groups,
        weight_attr=weights,
        data_format=data_format(channels_last),
    )
    after = (_step(design, stage, kind, lrn, channels_last) for kind in stage.after)
    return nn.Sequential(conv, *after)


def _step(design: Design, stage: Stage, kind: str, lrn: str, channels_last: bool) -> nn.Layer:
    if kind == "relu":
        return nn.ReLU()
    if kind == "pool":
        return MaxPool2D(design.pool_size, stride=2, data_format=data_format(channels_last))
    norm = design.within if kind == "within" else design.norm
    settings = {
        "local_size": norm.local_size,
        "alpha": norm.alpha,
        "beta": norm.beta,
        "bias": norm.bias,
        "channels_last": channels_last,
    }
    if kind == "within":
        return map_lrn(lrn, stage.channels, **settings)
    return channel_lrn(lrn, stage.channels, towers=norm.towers, **settings)


def _hidden(
    design: Design, features: int, dropout: float, weights: Initializer | None
) -> nn.Sequential:
    """A hidden fully-connected layer; dropout stands where the design has it."""
    layers = [Linear(features, design.hidden, weight_attr=weights), nn.ReLU()]
    layers.insert(0 if design.dropout_first else 2, nn.Dropout(dropout))
    return nn.Sequential(*layers)

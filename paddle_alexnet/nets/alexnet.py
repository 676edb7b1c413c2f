"""AlexNet, block by block, and any net that is a list of stages."""

from collections.abc import Sequence

import paddle
from paddle import nn

from paddle_alexnet.nets.init import initialize
from paddle_alexnet.nets.layers import Linear
from paddle_alexnet.nets.stages import (
    Conv,
    Dropout,
    Form,
    MaxPool,
    Norm,
    ReLU,
    Shape,
    Stage,
    features,
)
from paddle_alexnet.nets.stages import Linear as Units

# The flagship: widths of the paper (section 3.5), one tower, groups in conv2 only. At 227 x 227:
#          feature maps    55                          27
FLAGSHIP: tuple[Stage, ...] = (
    (Conv(96, 11, stride=4), ReLU(), Norm(), MaxPool()),
    (Conv(256, 5, padding=2, groups=2), ReLU(), Norm(), MaxPool()),  # 27, 13
    (Conv(384, 3, padding=1), ReLU()),  # 13
    (Conv(384, 3, padding=1), ReLU()),  # 13
    (Conv(256, 3, padding=1), ReLU(), MaxPool()),  # 13, 6
    (Units(4096), ReLU(), Dropout()),
    (Units(4096), ReLU(), Dropout()),
)


class AlexNet(nn.Layer):
    """A net of stages: ``block1`` ... ``blockN``, one a stage, and the head ``out_fc``.

    The default is the flagship: ``block1`` to ``block5`` are the convolutions with what follows
    them, ``block6`` and ``block7`` the hidden fully-connected layers; 62,071,144 parameters at
    1,000 classes. The other nets are in :data:`paddle_alexnet.nets.registry.MODELS`.

    Args:
        num_classes: Logits, >= 1.
        stages: See :mod:`paddle_alexnet.nets.stages`.
        input_size: Side of the input images, pixels.
        lrn: Form of the response norm: ``avgpool3d`` (layer pools, as in the published table),
            ``builtin`` or ``fused`` (the fastest on a CPU). They compute the same.
        init: Initial weights, a key of :data:`paddle_alexnet.nets.init.INITS`; None: all 0 and
            nothing is drawn, for a net that is about to be given others.
        hidden_bias: With ``init: caffe``, the value of the biases that the paper sets to 1.
        dropout: Fraction of units set to zero in training, in [0, 1); None for the stages' own.
        channels_last: Use NHWC feature maps inside, for a GPU's tensor cores. Same weights and
            inputs, and same numbers but for rounding.

    Attributes:
        head: Name of the last layer, ``out_fc``.

    Shape:
        Input: float [N, 3, input_size, input_size], normalised RGB. Output: logits
        [N, num_classes].

    Raises:
        ValueError: A value out of its range, an unknown ``lrn`` or ``init``, or an input of
            another shape or dtype.
    """

    head = "out_fc"

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        stages: Sequence[Stage] = FLAGSHIP,
        input_size: int = 227,
        lrn: str = "avgpool3d",
        init: str | None = "he",
        hidden_bias: float = 1.0,
        dropout: float | None = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        if dropout is not None and not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.num_classes = num_classes
        self.stages = tuple(stages)
        self.input_size = input_size
        self.channels_last = channels_last
        # Paddle draws weights of its own, which are drawn over; for 60 million that takes a second.
        blank = nn.initializer.Constant(0.0) if init is None else None
        form = Form(lrn, dropout, "NHWC" if channels_last else "NCHW", blank)
        shape: Shape = (3, input_size)
        self._order: list[str] = []
        for number, stage in enumerate(self.stages, start=1):
            if len(shape) > 1 and stage[0].flat:
                self._add("flatten", nn.Flatten())
            block = []
            for layer in stage:
                block.append(layer.build(shape, form))
                shape = layer.output(shape)
            self._add(f"block{number}", nn.Sequential(*block))
        if len(shape) > 1 and "flatten" not in self._order:
            self._add("flatten", nn.Flatten())
        self._add(self.head, Linear(features(shape), num_classes, weight_attr=blank))
        if init is not None:
            initialize(self, init, hidden_bias=hidden_bias)

    def _add(self, name: str, layer: nn.Layer) -> None:
        setattr(self, name, layer)
        self._order.append(name)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Return the logits [N, num_classes] of images ``x`` [N, 3, S, S]."""
        side, dtype = self.input_size, getattr(self, self.head).weight.dtype
        if x.ndim != 4 or list(x.shape[1:]) != [3, side, side] or x.dtype != dtype:
            raise ValueError(
                f"this net takes a tensor of images [N, 3, {side}, {side}], {_short(dtype)}, got "
                f"{type(x).__name__} {list(x.shape)}, {_short(x.dtype)}"
            )
        if self.channels_last:
            x = x.transpose([0, 2, 3, 1])
        for name in self._order:
            if name == "flatten" and self.channels_last:
                x = x.transpose([0, 3, 1, 2])  # the weights are for one feature map after the other
            x = getattr(self, name)(x)
        return x


def _short(dtype: object) -> str:
    return str(dtype).removeprefix("paddle.")

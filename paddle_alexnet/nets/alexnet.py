"""AlexNet, block by block, and any other net that is a list of stages."""

import paddle
from paddle import nn

from paddle_alexnet.nets.init import initialize
from paddle_alexnet.nets.layers import BuildOptions, build_layer
from paddle_alexnet.nets.lrn import LRN_KINDS
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.stages import HEAD, Linear, Stages

FLAGSHIP = MODELS["alexnet"]


class AlexNet(nn.Layer):
    """A net built from stages: ``block1``, ``block2``, ... and the linear layer ``out_fc``.

    The default is the flagship: one tower, groups in conv2 only, norm after the ReLU of conv1 and
    conv2; 62,071,144 parameters at 1,000 classes; feature maps of 55, 27 | 27, 13 | 13 | 13 | 13, 6
    at 227 x 227. The widths are the paper's (section 3.5). ``flatten`` stands before the first
    stage with a linear layer, or before the head.

    Args:
        num_classes: Logits, >= 1.
        stages: Without the head; see :data:`paddle_alexnet.nets.registry.MODELS`.
        input_size: Side of the input S, pixels.
        lrn: Form of the response norm: ``avgpool3d`` (layer pools, as in the published table),
            ``builtin`` or ``fused`` (the fastest on a CPU). They compute the same.
        init: How weights start: see :data:`paddle_alexnet.nets.init.INITS`; None: all at 0 and
            nothing drawn, for a net whose weights are loaded next.
        hidden_bias: See :func:`paddle_alexnet.nets.init.initialize`.
        dropout: Fraction set to zero in training by every dropout, in [0, 1); None for the stages'.
        channels_last: Convolutions, pools and norms see [N, H, W, C] inside, which a GPU's tensor
            cores want. Same weights and inputs, and same numbers but for rounding.

    Attributes:
        head: Name of the last layer, which gives the logits.
        data_format: ``NCHW`` or ``NHWC``, of the feature maps inside.

    Shape:
        Input: float [N, 3, S, S], normalised RGB. Output: logits [N, num_classes].

    Raises:
        ValueError: A value out of its range, an unknown ``lrn`` or ``init``, a window larger than
            its feature maps, a stage with a convolution after one with a linear layer, or an input
            of another shape or type.
    """

    head = HEAD

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        stages: Stages = FLAGSHIP.stages,
        input_size: int = FLAGSHIP.preprocessing.input_size,
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
        if lrn not in LRN_KINDS:  # also where no stage has a norm
            raise ValueError(f"unknown lrn {lrn!r}: choose one of {', '.join(LRN_KINDS)}")
        self.num_classes = num_classes
        self.stages = stages
        self.input_size = input_size
        self.data_format = "NHWC" if channels_last else "NCHW"
        # Paddle draws weights of its own, which are drawn over; for 60 million that takes a second.
        start = nn.initializer.Constant(0.0) if init is None else None
        options = BuildOptions(lrn, dropout, self.data_format, start)
        shape: tuple[int, ...] = (3, input_size, input_size)
        flat = False
        for number, stage in enumerate((*stages, (Linear(num_classes),)), start=1):
            if not flat and any(spec.on_features for spec in stage):
                self.flatten = nn.Flatten()
                flat = True
            layers = []
            for spec in stage:
                if flat and spec.kind and not spec.on_features:
                    raise ValueError(f"stage {number}: {spec} needs feature maps, not features")
                layers.append(build_layer(spec, shape, options))
                traced = spec.trace(shape)
                shape = traced.shape if traced else shape
            if number <= len(stages):
                self.add_sublayer(f"block{number}", nn.Sequential(*layers))
            else:
                self.add_sublayer(self.head, *layers)
        if init is not None:
            initialize(self, init, hidden_bias=hidden_bias)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Return the logits [N, num_classes] of images ``x`` [N, 3, S, S]."""
        side = self.input_size
        dtype = self.out_fc.weight.dtype
        if x.ndim != 4 or list(x.shape[1:]) != [3, side, side] or x.dtype != dtype:
            raise ValueError(
                f"this net takes a tensor of images [N, 3, {side}, {side}], {_short(dtype)}, got "
                f"{type(x).__name__} {list(x.shape)}, {_short(x.dtype)}"
            )
        if self.data_format == "NHWC":
            x = x.transpose([0, 2, 3, 1])
        for name, layer in self.named_children():  # in order: block1, ... flatten, ... out_fc
            if name == "flatten" and self.data_format == "NHWC":
                # The first linear layer's weights are for channels one after the other.
                x = x.transpose([0, 3, 1, 2])
            x = layer(x)
        return x


def _short(dtype: object) -> str:
    return str(dtype).removeprefix("paddle.")

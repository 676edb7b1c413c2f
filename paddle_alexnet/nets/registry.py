"""The nets that can be asked for by name: the nets people call AlexNet, layer by layer.

Sources, cited by these names: *paper*, Krizhevsky, Sutskever, Hinton, NIPS 2012; *run #145*, the
layers-145.cfg and layer-params-145.cfg of the original code, whose logged errors are the paper's;
*Caffe*, its bvlc_alexnet and bvlc_reference_caffenet; *article*, one of the five PaddlePaddle
articles that the README lists; *cuda-convnet*, the original code's layer files for CIFAR-10, named
by a footnote of the paper's section 3.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.changes import Value, apply_changes
from paddle_alexnet.nets.stages import (
    AvgPool,
    Conv,
    Dropout,
    Linear,
    Local,
    MapNorm,
    MaxPool,
    Norm,
    ReLU,
    Stages,
    narrow,
)

if TYPE_CHECKING:
    from paddle_alexnet.nets.alexnet import AlexNet

# ImageNet's mean removed from pixels on 0..255, whose range is kept: what the original init is
# made for.
RAW_STD = (1 / 255, 1 / 255, 1 / 255)
# Caffe's mean pixel, 104.00699, 116.66877, 122.67892 in the order blue, green, red.
CAFFE_MEAN = (122.67892 / 255, 116.66877 / 255, 104.00699 / 255)
# Caffe squashes every image to 256 x 256 and takes the centre.
CAFFE_PREPROCESSING = Preprocessing(227, mean=CAFFE_MEAN, std=RAW_STD, squash=True)
MEAN_HALF = (0.5, 0.5, 0.5)  # pixels on [-1, 1]

FC = (Linear(4096), ReLU(), Dropout(0.5))  # fc6 and fc7 of the paper
NORM_2012 = Norm(alpha=1e-4, bias=2.0, towers=2)

# Of the training images of CIFAR-10; the sources subtract the mean image (data.mean: image).
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CROPS_OF_24 = Preprocessing(24, 32, CIFAR10_MEAN, RAW_STD)
POOL_UP = MaxPool(round_up=True)
NORM_CIFAR10 = Norm(alpha=1e-3, bias=1.0, local_size=9)
MAP_NORM_CIFAR10 = MapNorm(alpha=5e-5, bias=1.0, local_size=3)


@dataclass(frozen=True)
class Model:
    """A row of :data:`MODELS`.

    Attributes:
        stages: The net without its head, a linear layer with a unit for each class.
        preprocessing: What the net was made for, with the side of its input.
        init: How its weights start in its source, a key of
            :data:`paddle_alexnet.nets.init.INITS`; ``he`` for the two whose source leaves that to
            Paddle's default.
        source: Where the row comes from.
        hidden_bias: Start of the biases that the paper starts at 1, with ``init: caffe``.
    """

    stages: Stages
    preprocessing: Preprocessing
    init: str = "he"
    source: str = ""
    hidden_bias: float = 1.0


# Norm's alpha multiplies the mean of the squares; its bias is the paper's k.
# fmt: off
MODELS: dict[str, Model] = {
    # One tower, groups in conv2 only.
    "alexnet": Model((
        (Conv(96, 11, stride=4), ReLU(), Norm(alpha=1e-4, bias=1.0), MaxPool()),
        (Conv(256, 5, padding=2, groups=2), ReLU(), Norm(alpha=1e-4, bias=1.0), MaxPool()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(256, 3, padding=1), ReLU(), MaxPool()),
        FC, FC,
    ), Preprocessing(227), source="the flagship article's code; another article traces its shapes"),

    # No norm, pooling that does not overlap, fc6 on 256 x 7 x 7. The article's text has padding 2,
    # feature maps of 54 and 6 x 6 at the end.
    "alexnet_pad5": Model((
        (Conv(96, 11, stride=4, padding=5), ReLU(), MaxPool(2)),
        (Conv(256, 5, padding=2), ReLU(), MaxPool(2)),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(256, 3, padding=1), ReLU(), MaxPool(2)),
        FC, FC,
    ), Preprocessing(224), source="the code of the article whose conv1 has padding 5"),

    # One tower without groups, dropout before the linear layers. The article's alpha is written
    # 10e-4, on the mean. It squashes every image to 224 x 224.
    "alexnet_pad2": Model((
        (Conv(96, 11, stride=4, padding=2), ReLU(), Norm(alpha=1e-3, bias=2.0), MaxPool()),
        (Conv(256, 5, padding=2), ReLU(), Norm(alpha=1e-3, bias=2.0), MaxPool()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(256, 3, padding=1), ReLU(), MaxPool()),
        (Dropout(0.5), Linear(4096), ReLU()),
        (Dropout(0.5), Linear(4096), ReLU()),
    ), Preprocessing(224, 224, MEAN_HALF, MEAN_HALF, squash=True), "kaiming_pad2",
        source="the code of the article whose conv1 has padding 2"),

    # As torchvision, paddle.vision and PaddleClas have it. The article has no dropout;
    # torchvision's is dropout=0.5.
    "alexnet_owt": Model((
        (Conv(64, 11, stride=4, padding=2), ReLU(), MaxPool()),
        (Conv(192, 5, padding=2), ReLU(), MaxPool()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(256, 3, padding=1), ReLU()),
        (Conv(256, 3, padding=1), ReLU(), MaxPool()),
        (Dropout(0.0), Linear(4096), ReLU()),
        (Dropout(0.0), Linear(4096), ReLU()),
    ), Preprocessing(224), "torch",
        source="the code of an article; the net of 'One weird trick' (arXiv 1404.5997)"),

    # Section 3.5: the kernels of conv2, conv4 and conv5 see the feature maps of their own GPU.
    # Section 3.3: alpha 1e-4 multiplies the plain sum of 5 squares, so 5e-4 their mean. The text's
    # 224 x 224 input does not give its 55 x 55 feature maps; 227 does.
    "alexnet_paper": Model((
        (Conv(96, 11, stride=4), ReLU(), Norm(alpha=5e-4, bias=2.0), MaxPool()),
        (Conv(256, 5, padding=2, groups=2), ReLU(), Norm(alpha=5e-4, bias=2.0), MaxPool()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1, groups=2), ReLU()),
        (Conv(256, 3, padding=1, groups=2), ReLU(), MaxPool()),
        FC, FC,
    ), Preprocessing(227, std=RAW_STD), "paper",
        source="the paper's text, as the article of alexnet_owt quotes it"),

    # Norm inside each tower; conv1 norm, pool, ReLU; conv5 pool, ReLU; an unpublished norm within
    # the feature maps of conv2; 224 pixels with three zeros at the right and the bottom.
    "alexnet_2012": Model((
        (Conv(96, 11, stride=4, end_padding=3), NORM_2012, MaxPool(), ReLU()),
        (Conv(256, 5, padding=2, groups=2), ReLU(), NORM_2012, MapNorm(alpha=1e-3), MaxPool()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1, groups=2), ReLU()),
        (Conv(256, 3, padding=1, groups=2), MaxPool(), ReLU()),
        FC, FC,
    ), Preprocessing(224, std=RAW_STD), "krizhevsky2012", source="run #145"),

    # Norm before pooling, biases from 0.1.
    "alexnet_caffe": Model((
        (Conv(96, 11, stride=4), ReLU(), Norm(alpha=1e-4, bias=1.0), MaxPool()),
        (Conv(256, 5, padding=2, groups=2), ReLU(), Norm(alpha=1e-4, bias=1.0), MaxPool()),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1, groups=2), ReLU()),
        (Conv(256, 3, padding=1, groups=2), ReLU(), MaxPool()),
        FC, FC,
    ), CAFFE_PREPROCESSING, "caffe", source="Caffe's bvlc_alexnet", hidden_bias=0.1),

    # Pooling before the norm.
    "caffenet": Model((
        (Conv(96, 11, stride=4), ReLU(), MaxPool(), Norm(alpha=1e-4, bias=1.0)),
        (Conv(256, 5, padding=2, groups=2), ReLU(), MaxPool(), Norm(alpha=1e-4, bias=1.0)),
        (Conv(384, 3, padding=1), ReLU()),
        (Conv(384, 3, padding=1, groups=2), ReLU()),
        (Conv(256, 3, padding=1, groups=2), ReLU(), MaxPool()),
        FC, FC,
    ), CAFFE_PREPROCESSING, "caffe", source="Caffe's bvlc_reference_caffenet"),

    # Section 3.3: "a four-layer CNN achieved a 13% test error rate without normalization".
    "cifar_13pct": Model((
        (Conv(64, 5, padding=2), ReLU(), POOL_UP),
        (Conv(64, 5, padding=2), ReLU(), POOL_UP),
        (Local(32, 3), ReLU()),
        (Local(32, 3), ReLU()),
    ), CROPS_OF_24, "cifar10", source="cuda-convnet's layers-conv-local-13pct.cfg"),

    # "... and 11% with normalization". It differs in the width of local3 too.
    "cifar_11pct": Model((
        (Conv(64, 5, padding=2), ReLU(), POOL_UP, NORM_CIFAR10),
        (Conv(64, 5, padding=2), ReLU(), NORM_CIFAR10, POOL_UP),
        (Local(64, 3), ReLU()),
        (Local(32, 3), ReLU()),
    ), CROPS_OF_24, "cifar10", source="cuda-convnet's layers-conv-local-11pct.cfg"),

    # Whole images, convolutions only, norm within feature maps.
    "cifar_18pct": Model((
        (Conv(32, 5, padding=2), POOL_UP, ReLU(), MAP_NORM_CIFAR10),
        (Conv(32, 5, padding=2), ReLU(), AvgPool(round_up=True), MAP_NORM_CIFAR10),
        (Conv(64, 5, padding=2), ReLU(), AvgPool(round_up=True)),
    ), Preprocessing(32, 32, CIFAR10_MEAN, RAW_STD), "cifar10",
        source="cuda-convnet's layers-18pct.cfg"),
}
# fmt: on


def build_model(
    name: str,
    num_classes: int = 1000,
    *,
    lrn: str | None = None,
    init: str | None = None,
    width: float = 1.0,
    dropout: float | None = None,
    changes: Mapping[str, Value] | None = None,
    channels_last: bool = False,
    blank: bool = False,
) -> "AlexNet":
    """Build a net by name.

    Args:
        name: A key of :data:`MODELS`.
        num_classes: Logits, >= 1.
        lrn: Form of the response norm, all equal to rounding; None for ``avgpool3d``.
        init: How weights start; None for the row's.
        width: Scales channels and hidden units, in (0, 1]; for tests and small machines.
        dropout: Fraction set to zero, in [0, 1); None for the row's.
        changes: Of the row's stages; see :data:`paddle_alexnet.nets.changes.CHANGES`.
        channels_last: Whether feature maps are NHWC inside; weights and inputs are the same, and
            numbers but for rounding.
        blank: All weights at 0, in place of ``init``: for a net whose weights are loaded next.

    Raises:
        ValueError: A name is not known, a value is out of range, or the net has nothing that one
            of ``changes`` would change.
    """
    # Here, so that the table can be read without loading Paddle, as the benchmark of torch does.
    from paddle_alexnet.nets.alexnet import AlexNet

    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose one of {', '.join(MODELS)}")
    row = MODELS[name]
    return AlexNet(
        num_classes,
        stages=narrow(apply_changes(row.stages, changes or {}, name), width),
        input_size=row.preprocessing.input_size,
        lrn="avgpool3d" if lrn is None else lrn,
        init=None if blank else (row.init if init is None else init),
        hidden_bias=row.hidden_bias,
        dropout=dropout,
        channels_last=channels_last,
    )

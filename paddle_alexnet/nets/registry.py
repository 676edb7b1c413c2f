"""The nets by name. A net is one entry: stages, preprocessing, initial weights, source.

Sources: *paper*, Krizhevsky, Sutskever, Hinton, NIPS 2012; *run #145*, the layers-145.cfg and
layer-params-145.cfg of the original code, whose logged errors are the paper's; *Caffe*, its
bvlc_alexnet and bvlc_reference_caffenet; and five articles with Paddle and PyTorch code, which
README.md lists and which are named here after their nets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.alexnet import FLAGSHIP, AlexNet
from paddle_alexnet.nets.stages import (
    Conv,
    Dropout,
    Layer,
    Linear,
    MaxPool,
    Norm,
    ReLU,
    Stage,
    narrowed,
)

# ImageNet's mean is subtracted from pixels on 0..255, whose range is kept: what the original
# initial weights are made for.
RAW_STD = (1 / 255, 1 / 255, 1 / 255)
# Caffe's mean pixel, 104.00699, 116.66877, 122.67892 in the order blue, green, red.
CAFFE_MEAN = (122.67892 / 255, 116.66877 / 255, 104.00699 / 255)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Model:
    """An entry of :data:`MODELS`.

    Attributes:
        stages: How it is built; the head follows them.
        preprocessing: From an image to the input, as its source has it; with the input size.
        init: Initial weights of its source; ``he`` for the two whose source leaves them to Paddle.
        source: Where it comes from.
        hidden_bias: With ``init: caffe``, the value of the biases that the paper sets to 1.
    """

    stages: tuple[Stage, ...]
    preprocessing: Preprocessing
    init: str = "he"
    source: str = ""
    hidden_bias: float = 1.0


def _alexnet(
    convs: Sequence[Conv],
    after: Sequence[Sequence[Layer]],
    *,
    dropout: float = 0.5,
    dropout_first: bool = False,
) -> tuple[Stage, ...]:
    """Five convolutions, each with what comes after it, and two hidden layers of 4,096 units."""
    hidden: list[Layer] = [Linear(4096), ReLU()]
    hidden.insert(0 if dropout_first else 2, Dropout(dropout))
    blocks = [(conv, *layers) for conv, layers in zip(convs, after, strict=True)]
    return (*blocks, tuple(hidden), tuple(hidden))


RELU, POOL = ReLU(), MaxPool(3, stride=2)
CONV1, CONV2, CONV3, CONV4, CONV5 = (stage[0] for stage in FLAGSHIP[:5])
# The paper, section 3.5: the kernels of conv2, conv4 and conv5 see the feature maps of their own
# GPU.
TOWERS = (CONV1, CONV2, CONV3, replace(CONV4, groups=2), replace(CONV5, groups=2))


def _norm_pool(norm: Norm) -> list[list[Layer]]:
    """Norm before pooling after conv1 and conv2, pooling after conv5."""
    return [[RELU, norm, POOL], [RELU, norm, POOL], [RELU], [RELU], [RELU, POOL]]


MODELS: dict[str, Model] = {
    "alexnet": Model(
        FLAGSHIP,
        Preprocessing(227),
        source="the PaddlePaddle article that this project completes, and the one on its shapes",
    ),
    # The article's code; its text has padding 2, feature maps of 54 and 6 x 6 at the end. No norm,
    # pooling that does not overlap, 256 x 7 x 7 features.
    "alexnet_pad5": Model(
        _alexnet(
            (replace(CONV1, padding=5), replace(CONV2, groups=1), CONV3, CONV4, CONV5),
            [[RELU, MaxPool(2)], [RELU, MaxPool(2)], [RELU], [RELU], [RELU, MaxPool(2)]],
        ),
        Preprocessing(224),
        source="the PaddlePaddle article with padding 5 in conv1",
    ),
    # One tower without groups, dropout before the linear layers. Its alpha is written 10e-4, on the
    # mean. It squashes every image to 224 x 224.
    "alexnet_pad2": Model(
        _alexnet(
            (replace(CONV1, padding=2), replace(CONV2, groups=1), CONV3, CONV4, CONV5),
            _norm_pool(Norm(alpha=1e-3, bias=2.0)),
            dropout_first=True,
        ),
        Preprocessing(224, 224, HALF, HALF, squash=True),
        "kaiming_pad2",
        source="the PyTorch article with padding 2 in conv1",
    ),
    # The net of "One weird trick" (arXiv 1404.5997) as torchvision, paddle.vision and PaddleClas
    # have it. The article has no dropout; torchvision's is dropout=0.5.
    "alexnet_owt": Model(
        _alexnet(
            (
                Conv(64, 11, stride=4, padding=2),
                Conv(192, 5, padding=2),
                Conv(384, 3, padding=1),
                Conv(256, 3, padding=1),
                Conv(256, 3, padding=1),
            ),
            [[RELU, POOL], [RELU, POOL], [RELU], [RELU], [RELU, POOL]],
            dropout=0.0,
            dropout_first=True,
        ),
        Preprocessing(224),
        "torch",
        source="the article with torchvision's net; One weird trick, arXiv 1404.5997",
    ),
    # The paper's text: alpha 1e-4 multiplies the plain sum of 5 squares. Its 224 x 224 input does
    # not give its 55 x 55 feature maps; 227 does.
    "alexnet_paper": Model(
        _alexnet(TOWERS, _norm_pool(Norm(alpha=5e-4, bias=2.0))),
        Preprocessing(227, std=RAW_STD),
        "paper",
        source="paper, section 3.5",
    ),
    # Norm inside each tower; conv1 norm, pool, ReLU; conv5 pool, ReLU; an unpublished norm within
    # the feature maps of conv2; 224 pixels with three zeros at the right and the bottom.
    "alexnet_2012": Model(
        _alexnet(
            (replace(CONV1, end_padding=3), *TOWERS[1:]),
            [
                [Norm(bias=2.0, towers=2), POOL, RELU],
                [RELU, Norm(bias=2.0, towers=2), Norm(alpha=1e-3, across_channels=False), POOL],
                [RELU],
                [RELU],
                [POOL, RELU],
            ],
        ),
        Preprocessing(224, std=RAW_STD),
        "krizhevsky2012",
        source="run #145",
    ),
    # Norm before pooling, biases from 0.1. Caffe squashes every image to 256 x 256 and crops the
    # centre.
    "alexnet_caffe": Model(
        _alexnet(TOWERS, _norm_pool(Norm())),
        Preprocessing(227, mean=CAFFE_MEAN, std=RAW_STD, squash=True),
        "caffe",
        source="Caffe's bvlc_alexnet",
        hidden_bias=0.1,
    ),
    # Pooling before the norm.
    "caffenet": Model(
        _alexnet(
            TOWERS, [[RELU, POOL, Norm()], [RELU, POOL, Norm()], [RELU], [RELU], [RELU, POOL]]
        ),
        Preprocessing(227, mean=CAFFE_MEAN, std=RAW_STD, squash=True),
        "caffe",
        source="Caffe's bvlc_reference_caffenet",
    ),
}


def build_model(
    name: str,
    num_classes: int = 1000,
    *,
    lrn: str | None = None,
    init: str | None = None,
    width: float = 1.0,
    dropout: float | None = None,
    channels_last: bool = False,
    blank: bool = False,
) -> AlexNet:
    """Build a net by name.

    Args:
        name: A key of :data:`MODELS`.
        num_classes: Logits, >= 1.
        lrn: Form of the response norm, all equal to rounding; None for ``avgpool3d``.
        init: Initial weights; None for the entry's.
        width: Scales channels and hidden units, in (0, 1]; for tests and small machines.
        dropout: Fraction of units set to zero, in [0, 1); None for the net's own.
        channels_last: Use NHWC feature maps; weights and inputs are the same, and numbers but for
            rounding.
        blank: All weights at 0, in place of ``init``: for a net that is about to be given others.

    Raises:
        ValueError: A name is not known, or a value is out of range.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose one of {', '.join(MODELS)}")
    model = MODELS[name]
    return AlexNet(
        num_classes,
        stages=narrowed(model.stages, width),
        input_size=model.preprocessing.input_size,
        lrn="avgpool3d" if lrn is None else lrn,
        init=None if blank else (model.init if init is None else init),
        hidden_bias=model.hidden_bias,
        dropout=dropout,
        channels_last=channels_last,
    )

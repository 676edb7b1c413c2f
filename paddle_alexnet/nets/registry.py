"""The nets that can be asked for by name."""

from dataclasses import dataclass

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.alexnet import AlexNet
from paddle_alexnet.nets.stages import DESIGNS, Design

# ImageNet's mean removed from pixels on 0..255, whose range is kept: what the original init is
# made for.
RAW_STD = (1 / 255, 1 / 255, 1 / 255)
# Caffe's mean pixel, 104.00699, 116.66877, 122.67892 in the order blue, green, red.
CAFFE_MEAN = (122.67892 / 255, 116.66877 / 255, 104.00699 / 255)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Model:
    """A row of :data:`MODELS`.

    Attributes:
        design: The net.
        preprocessing: What it was made for.
        init: How its weights start in its source; ``he`` for the two whose source leaves that to
            Paddle's default.
    """

    design: Design
    preprocessing: Preprocessing
    init: str = "he"


MODELS: dict[str, Model] = {
    "alexnet": Model(DESIGNS["alexnet"], Preprocessing(227)),
    "alexnet_pad5": Model(DESIGNS["alexnet_pad5"], Preprocessing(224)),
    # Seed 002 squashes every picture to 224 x 224.
    "alexnet_pad2": Model(
        DESIGNS["alexnet_pad2"],
        Preprocessing(224, 224, HALF, HALF, squash=True),
        "kaiming_seed002",
    ),
    "alexnet_owt": Model(DESIGNS["alexnet_owt"], Preprocessing(224), "torch"),
    "alexnet_paper": Model(DESIGNS["alexnet_paper"], Preprocessing(227, std=RAW_STD), "paper"),
    "alexnet_2012": Model(
        DESIGNS["alexnet_2012"], Preprocessing(224, std=RAW_STD), "krizhevsky2012"
    ),
    # Caffe squashes every picture to 256 x 256 and takes the centre.
    "alexnet_caffe": Model(
        DESIGNS["alexnet_caffe"],
        Preprocessing(227, mean=CAFFE_MEAN, std=RAW_STD, squash=True),
        "caffe",
    ),
    "caffenet": Model(
        DESIGNS["caffenet"],
        Preprocessing(227, mean=CAFFE_MEAN, std=RAW_STD, squash=True),
        "caffe",
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
        init: How weights start; None for the row's.
        width: Scales channels and hidden units, in (0, 1]; for tests and small machines.
        dropout: Share set to zero, in [0, 1); None for the design's.
        channels_last: How the net computes; weights and inputs are the same, and numbers but for
            rounding.
        blank: All weights at 0, in place of ``init``: for a net that is about to be given others.

    Raises:
        ValueError: A name is not known, or a value is out of range.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose one of {', '.join(MODELS)}")
    row = MODELS[name]
    return AlexNet(
        num_classes,
        design=row.design.narrowed(width),
        lrn="avgpool3d" if lrn is None else lrn,
        init=None if blank else (row.init if init is None else init),
        dropout=dropout,
        channels_last=channels_last,
    )

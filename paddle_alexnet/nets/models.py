"""The nets that can be asked for by name."""

from collections.abc import Callable
from dataclasses import dataclass

from paddle import nn

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.nets.alexnet import AlexNet


@dataclass(frozen=True)
class Model:
    """A row of :data:`MODELS`.

    Attributes:
        build: Called with ``num_classes`` and the keywords ``lrn`` and ``init``.
        preprocessing: What the net was made for.
    """

    build: Callable[..., nn.Layer]
    preprocessing: Preprocessing


MODELS: dict[str, Model] = {
    "alexnet": Model(AlexNet, Preprocessing(input_size=227, resize=256)),
}


def build_model(
    name: str, num_classes: int = 1000, *, lrn: str = "avgpool3d", init: str = "he"
) -> nn.Layer:
    """Build a net by name.

    Args:
        name: A key of :data:`MODELS`.
        num_classes: Logits, >= 1.
        lrn: Form of the response norm; the forms are equal to rounding.
        init: How weights start.

    Raises:
        ValueError: A name is not known, or a value is out of range.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose one of {', '.join(MODELS)}")
    return MODELS[name].build(num_classes, lrn=lrn, init=init)

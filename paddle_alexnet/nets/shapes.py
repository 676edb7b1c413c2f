"""Sizes and parameters of every layer by arithmetic, as one of the PaddlePaddle articles shows."""

from dataclasses import dataclass

from paddle_alexnet.nets.stages import Linear, Stages


@dataclass(frozen=True)
class LayerShape:
    """One layer that changes the shape or has parameters.

    Attributes:
        name: ``conv1``, ``pool1``, ... ``fc8``: numbered by the layers with weights up to here.
        formula: The arithmetic of its size, with the result.
        channels: Feature maps, or units.
        size: Side of a feature map; 1 for units.
        parameters: Weights and biases.
        macs: Multiplications with weights for one image.
    """

    name: str
    formula: str
    channels: int
    size: int
    parameters: int = 0
    macs: int = 0


def trace_shapes(
    stages: Stages, input_size: int, num_classes: int | None = None
) -> list[LayerShape]:
    """Follow an image through a net.

    Args:
        stages: The net without its head.
        input_size: Side of the RGB input, pixels.
        num_classes: Units of the head; None leaves it out.
    """
    head = () if num_classes is None else ((Linear(num_classes),),)
    shape: tuple[int, ...] = (3, input_size, input_size)
    rows: list[LayerShape] = []
    depth = 0
    for spec in (spec for stage in (*stages, *head) for spec in stage):
        traced = spec.trace(shape)
        if traced is None:
            continue
        shape, formula, parameters, macs = traced
        depth += parameters > 0
        channels, size = shape[0], (*shape, 1)[1]
        rows.append(LayerShape(f"{spec.kind}{depth}", formula, channels, size, parameters, macs))
    return rows

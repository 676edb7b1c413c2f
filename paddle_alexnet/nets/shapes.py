"""Shapes, parameters and operations of a net, by arithmetic alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from paddle_alexnet.nets.stages import Linear, Shape, Stage


@dataclass(frozen=True)
class LayerShape:
    """A layer that changes the shape.

    Attributes:
        name: ``conv1``, ``pool1``, ... ``fc8``: kind, and number of the last layer with weights.
        formula: Its arithmetic, with the result.
        channels: Feature maps, or units.
        size: Side of a feature map; 1 for units.
        parameters: Weights and biases.
        macs: Multiplications with weights, an image.
    """

    name: str
    formula: str
    channels: int
    size: int
    parameters: int = 0
    macs: int = 0


def trace_shapes(
    stages: Sequence[Stage], input_size: int, num_classes: int | None = None
) -> list[LayerShape]:
    """Follow an image through a net.

    Args:
        stages: Of the net, without its head.
        input_size: Side of the input image, pixels.
        num_classes: Units of the head; None leaves it out.
    """
    layers = [layer for stage in stages for layer in stage]
    if num_classes is not None:
        layers.append(Linear(num_classes))
    shape: Shape = (3, input_size)
    rows, depth = [], 0
    for layer in layers:
        after = layer.output(shape)
        if layer.kind:
            weights = layer.weights(shape)
            depth += weights > 0
            channels, size = (*after, 1)[:2]
            rows.append(
                LayerShape(
                    f"{layer.kind}{depth}",
                    layer.formula(shape),
                    channels,
                    size,
                    weights + channels if weights else 0,
                    weights * size**2,
                )
            )
        shape = after
    return rows

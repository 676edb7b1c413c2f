"""Walking through a net by arithmetic, as seed 004 does: sizes and parameters of every stage."""

from dataclasses import dataclass

from paddle_alexnet.nets.stages import Design


@dataclass(frozen=True)
class Step:
    """One layer that changes a size or has parameters.

    Attributes:
        name: ``conv1``, ``pool1``, ... ``fc8``.
        formula: Its arithmetic, with the result.
        channels: Maps, or units.
        size: Side of a map; 1 for units.
        parameters: Weights and biases.
        macs: Multiplications with weights for an image.
    """

    name: str
    formula: str
    channels: int
    size: int
    parameters: int = 0
    macs: int = 0


def walk(design: Design, num_classes: int | None = None) -> list[Step]:
    """Follow an image through a net.

    Args:
        design: The net.
        num_classes: Units of fc8; None stops after the last pooling.
    """
    steps = []
    channels, size = 3, design.input_size
    for number, stage in enumerate(design.stages, start=1):
        zeros = 2 * stage.padding + stage.end_padding
        padded = f"{size} + {zeros}" if zeros else f"{size}"
        size, rest = divmod(size + zeros - stage.kernel, stage.stride)
        size += 1
        formula = f"({padded} - {stage.kernel}) / {stage.stride} + 1 = {_floored(size, rest)}"
        weights = stage.channels * channels // stage.groups * stage.kernel**2
        channels = stage.channels
        conv = Step(f"conv{number}", formula, channels, size, weights + channels, weights * size**2)
        steps.append(conv)
        if "pool" in stage.after:
            before = size
            size, rest = divmod(size - design.pool_size, 2)
            size += 1
            formula = f"({before} - {design.pool_size}) / 2 + 1 = {_floored(size, rest)}"
            steps.append(Step(f"pool{number}", formula, channels, size))
    if num_classes is None:
        return steps
    features = channels * size**2
    made = f"{channels} x {size} x {size} = {features}"
    for number, units in ((6, design.hidden), (7, design.hidden), (8, num_classes)):
        formula = f"{made} -> {units}"
        weights = features * units
        steps.append(Step(f"fc{number}", formula, units, 1, weights + units, weights))
        features, made = units, f"{units}"
    return steps


def _floored(size: int, rest: int) -> str:
    return f"{size}, rounded down" if rest else f"{size}"

"""Between the arrays of others and those of a net."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from paddle import nn

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.interchange.layouts import LAYOUTS, PADDLE, SEED002, TORCHVISION, Layout
from paddle_alexnet.nets.models import MODELS, build_model
from paddle_alexnet.nets.weights import (
    MAX_FAULTS,
    Description,
    check_classes,
    load_arrays,
    read_weights,
)
from paddle_alexnet.printable import printable_name

LEAST_KNOWN = 4  # names of a layout, of 16, for a file to be taken for one of it


def import_weights(
    arrays: Mapping[str, np.ndarray],
    architecture: str,
    source: str | Path,
    *,
    classes: Sequence[str] | None = None,
    width: float = 1.0,
) -> tuple[nn.Layer, Description]:
    """Make a net of arrays by another project's names.

    Args:
        arrays: As a file holds them.
        architecture: A key of :data:`paddle_alexnet.nets.models.MODELS`.
        source: Named in messages.
        classes: Class names in order of the logits; None for their numbers.
        width: Of the net.

    Raises:
        WeightsError: The names are of no known layout, or something is missing, surplus or of the
            wrong shape: all of it is listed.
        ValueError: ``architecture`` or ``width`` is not known.
    """
    arrays = {name.removeprefix("module."): array for name, array in arrays.items()}
    layout = _recognize(arrays, source)
    _check_architecture(layout, architecture, source)
    num_classes = len(classes) if classes is not None else _count_classes(layout, arrays, source)
    net = build_model(architecture, num_classes, lrn="fused", width=width, blank=True)
    wanted = {name: list(p.shape) for name, p in net.named_parameters()}
    converted, faults = {}, []
    for index, (theirs, ours) in enumerate(zip(layout.names, wanted, strict=True)):
        if theirs not in arrays:
            faults.append(f"missing: {theirs}")
            continue
        array = _without_leading_ones(arrays[theirs], len(wanted[ours]))
        expected = layout.shape(wanted[ours])
        if list(array.shape) != expected:
            faults.append(f"{theirs} has shape {list(array.shape)}, expected {expected}")
        elif array.dtype.kind != "f":
            faults.append(f"{theirs} holds {array.dtype}, expected floats")
        else:
            converted[ours] = layout.to_paddle(index, array).astype(np.float32)
    surplus = sorted(arrays.keys() - set(layout.names))
    faults += [f"surplus: {printable_name(name)}" for name in surplus[:MAX_FAULTS]]
    if len(surplus) > MAX_FAULTS:
        faults.append(f"and {len(surplus) - MAX_FAULTS:,} more")
    if faults:
        raise WeightsError(
            f"{source}, by its names of {layout.title}, is not {architecture} with {num_classes} "
            "classes:\n  " + "\n  ".join(faults)
        )
    load_arrays(net, converted, source)
    names = classes or [str(number) for number in range(num_classes)]
    return net, Description(
        architecture, tuple(names), MODELS[architecture].preprocessing, width=width
    )


def export_weights(path: str | Path, architecture: str, to: str) -> dict[str, np.ndarray]:
    """Read weights of this project and give them by the names of another.

    Args:
        path: A .safetensors file of this project.
        architecture: What it must be.
        to: ``torch`` for torchvision's names, or seed 002's for its net; ``paddle`` for those of
            paddle.vision and PaddleClas.

    Raises:
        WeightsError: The file is not of this project, or of another architecture.
    """
    arrays, description = read_weights(path)
    if description.architecture != architecture:
        raise WeightsError(
            f"{path} holds {printable_name(description.architecture)}, but --arch is {architecture}"
        )
    candidates = (PADDLE,) if to == "paddle" else (TORCHVISION, SEED002)
    layout = next((x for x in candidates if architecture in x.architectures), None)
    if layout is None:
        raise WeightsError(
            f"no net of {to} is {architecture}: only "
            + ", ".join(name for x in candidates for name in x.architectures)
            + " can be written for it"
        )
    check_classes(arrays, description, path)
    net = build_model(architecture, len(description.classes), width=description.width, blank=True)
    load_arrays(net, arrays, path)
    ordered = [arrays[name] for name, _ in net.named_parameters()]
    return {
        theirs: np.ascontiguousarray(layout.from_paddle(index, array), np.float32)
        for index, (theirs, array) in enumerate(zip(layout.names, ordered, strict=True))
    }


def _recognize(arrays: Mapping[str, np.ndarray], source: str | Path) -> Layout:
    known = {layout.title: len(set(layout.names) & arrays.keys()) for layout in LAYOUTS}
    best = max(LAYOUTS, key=lambda layout: known[layout.title])
    if known[best.title] < LEAST_KNOWN:
        shown = ", ".join(printable_name(name) for name in list(arrays)[:8])
        raise WeightsError(
            f"{source} has the names {shown or 'of nothing'} ...; expected those of "
            + "; ".join(f"{layout.title} ({layout.names[0]}, ...)" for layout in LAYOUTS)
        )
    return best


def _check_architecture(layout: Layout, architecture: str, source: str | Path) -> None:
    if architecture not in layout.architectures:
        raise WeightsError(
            f"{source} has the names of {layout.title}, whose nets are "
            f"{' or '.join(layout.architectures)} here, but --arch is {architecture}"
        )


def _count_classes(layout: Layout, arrays: Mapping[str, np.ndarray], source: str | Path) -> int:
    """As the last layer's weights have them; where they are missing its bias, up to 1,000.

    A large bias alone would make a net that no file holds.
    """
    weight, bias = (arrays.get(name) for name in layout.names[-2:])
    if weight is None or weight.ndim < 2:
        return 1000 if bias is None else min(max(1, bias.size), 1000)
    if not weight.size:
        raise WeightsError(f"{source}: {layout.names[-2]} is empty, of shape {list(weight.shape)}")
    return weight.shape[-2] if layout.outputs_first else weight.shape[-1]


def _without_leading_ones(array: np.ndarray, rank: int) -> np.ndarray:
    """Old Caffe blobs are all of rank 4: a bias is [1, 1, 1, N]."""
    while array.ndim > rank and array.shape[0] == 1:
        array = array[0]
    return array

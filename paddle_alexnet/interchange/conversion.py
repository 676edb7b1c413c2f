"""How others name and lay out AlexNet's eight layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from paddle import nn

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import (
    MAX_FAULTS,
    Description,
    check_classes,
    load_arrays,
    read_weights,
)
from paddle_alexnet.printable import printable_name

DROPPED = (5, 6)  # fc6 and fc7 of the eight: dropout stands before or after them


@dataclass(frozen=True)
class Layout:
    """Names and shapes in one family of weights files.

    Attributes:
        title: For messages.
        architectures: The nets that its files hold.
        layers: Prefix of each of conv1 to conv5 and fc6 to fc8.
        weight: What follows a prefix for weights.
        bias: And for biases.
        outputs_first: Whether a linear layer's weights are [outputs, inputs]; Paddle's are
            [inputs, outputs].
        blue_first: Whether conv1 sees blue, green, red.
        eval_scale: What the net multiplies the inputs of fc6 and fc7 by in evaluation. Paddle's own
            AlexNets leave values as they are in training and halve them in evaluation (dropout's
            mode ``downscale_in_infer``); the nets here double what is left in training and do
            nothing in evaluation, so the weights carry the factor.
    """

    title: str
    architectures: tuple[str, ...]
    layers: tuple[str, ...]
    weight: str = ".weight"
    bias: str = ".bias"
    outputs_first: bool = True
    blue_first: bool = False
    eval_scale: float = 1.0

    @property
    def names(self) -> list[str]:
        """All names: weights and biases of each layer."""
        return [layer + part for layer in self.layers for part in (self.weight, self.bias)]

    def to_paddle(self, index: int, array: np.ndarray) -> np.ndarray:
        """An array, number ``index`` of :attr:`names`, as the nets here have it."""
        layer, is_bias = divmod(index, 2)
        if is_bias:
            return array
        if array.ndim == 2 and self.outputs_first:
            array = array.T
        if layer == 0 and self.blue_first:
            array = array[:, ::-1]
        return array * self.eval_scale if layer in DROPPED and self.eval_scale != 1 else array

    def from_paddle(self, index: int, array: np.ndarray) -> np.ndarray:
        """Undo :meth:`to_paddle`."""
        layer, is_bias = divmod(index, 2)
        if is_bias:
            return array
        if layer in DROPPED and self.eval_scale != 1:
            array = array / self.eval_scale
        if layer == 0 and self.blue_first:
            array = array[:, ::-1]
        return array.T if array.ndim == 2 and self.outputs_first else array

    def shape(self, shape: list[int]) -> list[int]:
        """The shape that an array of the nets here has in this layout."""
        return shape[::-1] if len(shape) == 2 and self.outputs_first else shape


TORCHVISION = Layout(
    "torchvision",
    ("alexnet_owt",),
    (*(f"features.{i}" for i in (0, 3, 6, 8, 10)), *(f"classifier.{i}" for i in (1, 4, 6))),
)
# Places in seed 002's one Sequential, as its code lists the layers.
SEED002 = Layout(
    "seed 002", ("alexnet_pad2",), tuple(f"net.{i}" for i in (0, 4, 8, 10, 12, 17, 20, 22))
)
# PaddleClas and paddle.vision: a pooled convolution is a layer of its own.
PADDLE = Layout(
    "paddle.vision and PaddleClas",
    ("alexnet_owt",),
    ("_conv1._conv", "_conv2._conv", "_conv3", "_conv4", "_conv5._conv", "_fc6", "_fc7", "_fc8"),
    outputs_first=False,
    eval_scale=0.5,
)
CAFFE = Layout(
    "Caffe",
    ("alexnet_caffe", "caffenet"),
    (*(f"conv{i}" for i in range(1, 6)), *(f"fc{i}" for i in range(6, 9))),
    weight="_w",
    bias="_b",
    blue_first=True,
)
LAYOUTS = (TORCHVISION, SEED002, PADDLE, CAFFE)


# MERGED interchange.conversion: Between the arrays of others and those of a net.


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
        architecture: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
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

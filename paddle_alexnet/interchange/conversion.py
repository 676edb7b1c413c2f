"""Conversion between the weights of other projects and those of the nets here.

A :class:`Layout` says how a project names and lays out the eight layers of its AlexNets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from paddle import nn

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import (
    Description,
    check_classes,
    find_faults,
    first_lines,
    load_arrays,
    read_weights,
)

DROPPED = (5, 6)  # fc6 and fc7 of the eight: dropout stands before or after them
# What wrappers put before every name: data parallelism and averages, torch.compile, the attribute
# that holds the net in a trainer's module.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")
COUNTERS = ("n_averaged",)  # entries beside the weights: torch.optim.swa_utils.AveragedModel's
MIN_NAMES = 4  # of a layout's 16 that a file must have to be recognised as one of it


@dataclass(frozen=True)
class Layout:
    """Names and shapes in one family of weights files.

    Attributes:
        title: For messages.
        architectures: The nets that its files hold.
        layers: Prefix of each of conv1 to conv5 and fc6 to fc8.
        suffixes: What follows a prefix for weights and for biases.
        outputs_first: Whether a linear layer's weights are [outputs, inputs]; Paddle's are
            [inputs, outputs].
        blue_first: Whether conv1 sees blue, green, red.
        eval_scale: What the net multiplies the inputs of fc6 and fc7 by in evaluation. Paddle's own
            AlexNets leave values as they are in training and halve them in evaluation (dropout's
            mode ``downscale_in_infer``); the nets here double the values that are kept in training
            and do nothing in evaluation, so the weights carry the factor.
    """

    title: str
    architectures: tuple[str, ...]
    layers: tuple[str, ...]
    suffixes: tuple[str, str] = (".weight", ".bias")
    outputs_first: bool = True
    blue_first: bool = False
    eval_scale: float = 1.0

    @property
    def names(self) -> list[str]:
        """All names: weights and biases of each layer."""
        return [layer + suffix for layer in self.layers for suffix in self.suffixes]

    def convert(self, index: int, array: np.ndarray, *, back: bool = False) -> np.ndarray:
        """Convert an array, number ``index`` of :attr:`names`, to the nets' layout, or ``back``."""
        layer, is_bias = divmod(index, 2)
        if is_bias:
            return array
        if array.ndim == 2 and self.outputs_first:
            array = array.T
        if layer == 0 and self.blue_first:
            array = array[:, ::-1]
        if layer in DROPPED and self.eval_scale != 1:
            array = array / self.eval_scale if back else array * self.eval_scale
        return array

    def shape(self, shape: list[int]) -> list[int]:
        """The shape that an array of the nets here has in this layout."""
        return shape[::-1] if len(shape) == 2 and self.outputs_first else shape


TORCHVISION = Layout(
    "torchvision",
    ("alexnet_owt",),
    (*(f"features.{i}" for i in (0, 3, 6, 8, 10)), *(f"classifier.{i}" for i in (1, 4, 6))),
)
# Places in that article's one Sequential, as its code lists the layers.
PAD2 = Layout(
    "the article of alexnet_pad2",
    ("alexnet_pad2",),
    tuple(f"net.{i}" for i in (0, 4, 8, 10, 12, 17, 20, 22)),
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
    suffixes=("_w", "_b"),
    blue_first=True,
)
LAYOUTS = (TORCHVISION, PAD2, PADDLE, CAFFE)


def import_weights(
    arrays: Mapping[str, np.ndarray],
    architecture: str,
    source: str | Path,
    *,
    classes: Sequence[str] | None = None,
    width: float = 1.0,
) -> tuple[nn.Layer, Description]:
    """Make a net from arrays that have another project's names.

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
    arrays, _ = unwrap(arrays)
    layout = _recognize(arrays, source)
    if architecture not in layout.architectures:
        raise WeightsError(
            f"{source} has the names of {layout.title}, whose nets are "
            f"{' or '.join(layout.architectures)} here, but --arch is {architecture}"
        )
    num_classes = len(classes) if classes is not None else _count_classes(layout, arrays, source)
    net = build_model(architecture, num_classes, lrn="fused", width=width, blank=True)
    parameters = list(zip(layout.names, net.named_parameters(), strict=True))
    wanted = {theirs: layout.shape(list(p.shape)) for theirs, (_, p) in parameters}
    arrays = {
        name: _without_leading_ones(array, len(wanted[name])) if name in wanted else array
        for name, array in arrays.items()
    }
    faults = find_faults(wanted, arrays)
    if faults:
        raise WeightsError(
            f"{source}, by its names of {layout.title}, is not {architecture} with {num_classes} "
            "classes:\n  " + first_lines(faults)
        )
    converted = {
        ours: layout.convert(index, arrays[theirs]).astype(np.float32)
        for index, (theirs, (ours, _)) in enumerate(parameters)
    }
    load_arrays(net, converted, source)
    titles = tuple(classes or map(str, range(num_classes)))
    return net, Description(architecture, titles, MODELS[architecture].preprocessing, width=width)


def export_weights(path: str | Path, architecture: str, to: str) -> dict[str, np.ndarray]:
    """Read weights of this project and convert them to the names and layout of another.

    Args:
        path: A .safetensors file of this project.
        architecture: What it must be.
        to: ``torch`` for torchvision's names, or for alexnet_pad2 those of its article; ``paddle``
            for those of paddle.vision and PaddleClas.

    Raises:
        WeightsError: The file is not of this project, of another architecture, of a changed one, or
            has a mean image.
    """
    arrays, description = read_weights(path)
    if description.architecture != architecture:
        raise WeightsError(
            f"{path} holds {description.architecture!r}, but --arch is {architecture}"
        )
    candidates = (PADDLE,) if to == "paddle" else (TORCHVISION, PAD2)
    layout = next((x for x in candidates if architecture in x.architectures), None)
    if layout is None:
        raise WeightsError(
            f"no net of {to} is {architecture}: only "
            + ", ".join(name for x in candidates for name in x.architectures)
            + " can be written for it"
        )
    if description.mean_image is not None:
        raise WeightsError(
            f"{path} was trained with data.mean: image, which {to} has no place for: the net would "
            "see other inputs; train without it"
        )
    if description.changes:
        raise WeightsError(
            f"{path} holds {architecture} with changes {description.changes}, which no net of {to} "
            "has"
        )
    check_classes(arrays, description, path)
    net = build_model(architecture, len(description.classes), width=description.width, blank=True)
    load_arrays(net, arrays, path)
    ordered = [arrays[name] for name, _ in net.named_parameters()]
    return {
        theirs: np.ascontiguousarray(layout.convert(index, array, back=True), np.float32)
        for index, (theirs, array) in enumerate(zip(layout.names, ordered, strict=True))
    }


def unwrap(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """Arrays by the names that they had before something was wrapped around their net.

    Args:
        arrays: As a file holds them.

    Returns:
        The arrays, and what was taken off, for a message; empty if nothing.
    """
    skipped = [name for name in arrays if name.rpartition(".")[2] in COUNTERS]
    kept = {name: array for name, array in arrays.items() if name not in skipped}
    taken = ""
    while kept and _known_names(kept) < MIN_NAMES:
        first = next(iter(kept)).partition(".")[0] + "."
        if first not in WRAPPERS or not all(name.startswith(first) for name in kept):
            break
        kept = {name.removeprefix(first): array for name, array in kept.items()}
        taken += first
    notes = [f"the prefix {taken!r}"] * bool(taken) + [repr(name[:100]) for name in skipped]
    return kept, f"without {' and '.join(notes)}" if notes else ""


def _known_names(arrays: Mapping[str, np.ndarray]) -> int:
    return max(len(arrays.keys() & layout.names) for layout in LAYOUTS)


def _recognize(arrays: Mapping[str, np.ndarray], source: str | Path) -> Layout:
    best = max(LAYOUTS, key=lambda layout: len(arrays.keys() & layout.names))
    if len(arrays.keys() & best.names) < MIN_NAMES:
        shown = ", ".join(repr(name[:100]) for name in list(arrays)[:8])
        raise WeightsError(
            f"{source} has the names {shown or 'of nothing'} ...; expected those of "
            + "; ".join(f"{layout.title} ({layout.names[0]}, ...)" for layout in LAYOUTS)
        )
    return best


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

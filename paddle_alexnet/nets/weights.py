"""Weights files: a trained net in one file, with all that is needed to use it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.data.class_names import MAX_NAME
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.changes import Value
from paddle_alexnet.nets.stages import HEAD
from paddle_alexnet.storage.files import parse_json
from paddle_alexnet.storage.tensors import read_tensors, write_tensors

MEAN_IMAGE = "mean_image"
MAX_MARKS = 64
MAX_FAULTS = 40  # shown of a file; a net has 16 arrays


@dataclass(frozen=True)
class Description:
    """What a weights file holds beside the weights: its metadata, each field as JSON.

    Attributes:
        architecture: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        classes: Class names in order of the logits.
        preprocessing: From an image to the input.
        data_split: How the training data was divided, to find the same val images again.
        training: Epoch, val figures and seed, for the record.
        width: By which channels and hidden units are scaled.
        mean_image: float32 RGB [S, S, 3] on 0..255, of the training set, to be subtracted in place
            of the preprocessing's mean; None for that. In the file an array of this name.
        val_marks: Up to :data:`MAX_MARKS` numbers by which val images are recognized, so that
            fine-tuning does not train on them; the least, which are a random sample.
        sample_bits: Of 16-bit images, as :func:`paddle_alexnet.data.decode.read_image` takes it.
        changes: Of the architecture; see :data:`paddle_alexnet.nets.changes.CHANGES`.
    """

    architecture: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    data_split: SplitRule = field(default_factory=SplitRule)
    training: Mapping[str, Any] = field(default_factory=dict)
    width: float = 1.0
    mean_image: np.ndarray | None = field(default=None, compare=False)
    val_marks: tuple[int, ...] = ()
    sample_bits: int | None = None
    changes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def mean(self) -> Sequence[float] | np.ndarray:
        """What is subtracted from pixels on [0, 1]: [3], or an image [S, S, 3]."""
        return self.preprocessing.mean if self.mean_image is None else self.mean_image / 255

    def metadata(self) -> dict[str, str]:
        """Texts for the file; ``architecture`` is plain, the rest JSON."""
        values = {
            "classes": self.classes,
            "preprocessing": self.preprocessing.to_json(),
            "data_split": asdict(self.data_split),
            "training": dict(self.training),
            "width": self.width,
            "val_marks": self.val_marks,
            "sample_bits": self.sample_bits,
            "changes": dict(self.changes),
        }
        texts = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
        return {"format": "paddle", "architecture": self.architecture, **texts}

    @classmethod
    def parse(cls, metadata: Mapping[str, str]) -> "Description":
        """Undo :meth:`metadata`.

        Raises:
            ValueError: A part is missing or not what it should be.
        """
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("its metadata must be texts")
        missing = {"architecture", "classes", "preprocessing"} - metadata.keys()
        if missing:
            raise ValueError(f"its metadata lacks {', '.join(sorted(missing))}")
        later = {"data_split": "{}", "training": "{}", "width": "1.0"}
        later |= {"val_marks": "[]", "sample_bits": "null", "changes": "{}"}
        classes, preprocessing, split, training, width, marks, bits, changes = (
            parse_json(metadata.get(key, later.get(key, "")))
            for key in ("classes", "preprocessing", *later)
        )
        names = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
        if not names or not classes:
            raise ValueError("its metadata 'classes' is not a list of names")
        if max(map(len, classes)) > MAX_NAME:
            raise ValueError(f"it has a class name of over {MAX_NAME} characters")
        if not isinstance(split, dict) or split.keys() - SplitRule.__dataclass_fields__.keys():
            raise ValueError("its metadata 'data_split' is not known")
        if type(width) not in (int, float) or not 0 < width <= 1:
            raise ValueError(f"its metadata 'width' is {width!r}, expected a number up to 1")
        if not isinstance(training, dict):
            raise ValueError("its metadata 'training' is not a list of figures by name")
        numbers = isinstance(marks, list) and all(type(mark) is int for mark in marks)
        if not numbers or len(marks) > MAX_MARKS:
            raise ValueError("its metadata 'val_marks' is not a list of whole numbers")
        if bits is not None and (type(bits) is not int or not 8 <= bits <= 16):
            raise ValueError(f"its metadata 'sample_bits' is {bits!r}, expected 8 to 16")
        if not isinstance(changes, dict):
            raise ValueError("its metadata 'changes' is not values by name")
        return cls(
            *(metadata["architecture"], tuple(classes), Preprocessing.from_json(preprocessing)),
            *(SplitRule(**split), training, width, None, tuple(marks), bits, changes),
        )


def write_weights(
    path: str | Path, arrays: Mapping[str, np.ndarray], description: Description
) -> None:
    """Write weights by Paddle's names and in Paddle's layout (Linear: [in, out]).

    Raises:
        RunError: The file cannot be written.
    """
    mean = {} if description.mean_image is None else {MEAN_IMAGE: description.mean_image}
    write_tensors(path, {**arrays, **mean}, description.metadata())


def read_weights(path: str | Path) -> tuple[dict[str, np.ndarray], Description]:
    """Read what :func:`write_weights` wrote.

    Raises:
        WeightsError: The file is missing, damaged, or not a weights file of this project.
    """
    arrays, metadata = read_tensors(path)
    if metadata.get("format") == "paddle-alexnet-state":
        raise WeightsError(
            f"{path} is the state of a run, for --resume; its weights are in best.safetensors"
        )
    try:
        description = Description.parse(metadata)
        if MEAN_IMAGE in arrays:
            mean = _checked_mean(arrays.pop(MEAN_IMAGE), description.preprocessing.input_size)
            description = replace(description, mean_image=mean)
        return arrays, description
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise WeightsError(f"{path} is not a weights file of this project: {error}") from error


def check_classes(
    arrays: Mapping[str, np.ndarray], description: Description, source: str | Path
) -> None:
    """Check that there are as many logits as class names, before a net of that size is made.

    Raises:
        WeightsError: The last layer has another size, or there is none.
    """
    bias = arrays.get(f"{HEAD}.bias", np.zeros(0))
    if bias.shape != (len(description.classes),):
        raise WeightsError(
            f"{source} names {len(description.classes):,} classes, but its last layer has shape "
            f"{list(bias.shape)}"
        )


def _checked_mean(image: np.ndarray, size: int) -> np.ndarray:
    if image.shape != (size, size, 3) or image.dtype.kind != "f":
        raise ValueError(f"its mean image must be {size} x {size} x 3 floats, got {image.shape}")
    if not (image >= 0).all() or not (image <= 255).all():  # also NaN
        raise ValueError("its mean image holds values outside 0..255")
    return image.astype(np.float32)


def net_arrays(net: nn.Layer) -> dict[str, np.ndarray]:
    """The parameters of ``net`` by name."""
    return {name: value.numpy() for name, value in net.named_parameters()}


def load_arrays(
    net: nn.Layer, arrays: Mapping[str, np.ndarray], source: str | Path, *, head: str | None = None
) -> None:
    """Load ``arrays`` into ``net``: all of them fit, or none is changed.

    Args:
        net: The net.
        arrays: By the net's names.
        source: Named in messages.
        head: Prefix of the last layer's names, to leave that layer as it is (fine-tuning).

    Raises:
        WeightsError: A name is missing or surplus, a shape or kind differs, or values are not
            finite.
    """

    def loaded(name: str) -> bool:
        return head is None or not name.startswith(f"{head}.")

    wanted = {name: p for name, p in net.named_parameters() if loaded(name)}
    given = {name: array for name, array in arrays.items() if loaded(name)}
    faults = find_faults({name: list(p.shape) for name, p in wanted.items()}, given)
    if faults:
        raise WeightsError(f"{source} does not fit the net:\n  " + first_lines(faults))
    with np.errstate(over="ignore"):
        floats = {name: array.astype(np.float32, copy=False) for name, array in given.items()}
    faults = [
        f"{name} holds values that are not finite numbers"
        for name, array in floats.items()
        if not np.isfinite(array).all()
    ]
    if faults:
        raise WeightsError(
            f"{source} holds no usable weights, of a run that diverged or a damaged file:\n  "
            + first_lines(faults)
        )
    with paddle.no_grad():
        for name, parameter in wanted.items():
            paddle.assign(paddle.to_tensor(floats[name]), parameter)


def find_faults(wanted: Mapping[str, list[int]], given: Mapping[str, np.ndarray]) -> list[str]:
    """Compare arrays with the shapes that are ``wanted`` by name; one line for each difference."""
    faults = [f"missing: {name}" for name in wanted if name not in given]
    for name, array in given.items():
        if name not in wanted:
            faults.append(f"surplus: {name[:100]!r}")
        elif list(array.shape) != wanted[name]:
            faults.append(f"{name} has shape {list(array.shape)}, expected {wanted[name]}")
        elif array.dtype.kind != "f":
            faults.append(f"{name} holds {array.dtype}, expected floats")
    return faults


def first_lines(faults: list[str]) -> str:
    """As many lines as a person reads."""
    more = [f"and {len(faults) - MAX_FAULTS:,} more"] if len(faults) > MAX_FAULTS else []
    return "\n  ".join([*faults[:MAX_FAULTS], *more])

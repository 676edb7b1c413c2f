"""Classifying many files."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paddle_alexnet.data.decode import is_image_name, read_image
from paddle_alexnet.errors import DataError
from paddle_alexnet.inference.classifier import PictureClassifier


@dataclass(frozen=True)
class Prediction:
    """The best classes of one picture; the fields carry PaddleClas's names.

    Attributes:
        file_name: As given, or as found in a folder that was given.
        class_ids: Best first.
        scores: Softmax, not rounded, in the order of ``class_ids``.
        label_names: Class names in that order.
    """

    file_name: str
    class_ids: list[int]
    scores: list[float]
    label_names: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """A file that could not be classified.

    Attributes:
        file_name: As for :class:`Prediction`.
        reason: Why.
    """

    file_name: str
    reason: str


def find_pictures(names: Sequence[str], leave_out: str | None = None) -> list[str]:
    """Files for a list of pictures, folders (with all below, in order of name) and patterns.

    Args:
        names: What to look for. Below folders, hidden files and folders are passed over.
        leave_out: A folder below the others that is passed over too.

    Raises:
        DataError: A name matches nothing.
    """
    found: list[str] = []
    for name in names:
        # A name before a pattern: [1].jpg is both.
        paths = [name] if os.path.exists(name) else sorted(glob.glob(name, recursive=True))
        matches: list[str] = []
        for path in paths:
            matches += _pictures_below(path, leave_out) if os.path.isdir(path) else [path]
        if not matches:
            raise DataError(
                f"no picture at {name}: expected a file, a folder with images or '*.jpg'"
            )
        found += matches
    return list(dict.fromkeys(found))


def _pictures_below(folder: str, leave_out: str | None) -> list[str]:
    found = []
    skipped = None if leave_out is None else os.path.realpath(leave_out)
    for parent, folders, names in os.walk(folder):
        if os.path.realpath(parent) == skipped and parent != folder:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(parent, name) for name in sorted(names) if is_image_name(name)]
    return found


def predict_files(
    classifier: PictureClassifier, files: Sequence[str], *, topk: int = 5, batch_size: int = 16
) -> Iterator[tuple[Prediction | Failure, np.ndarray | None]]:
    """Classify files in batches; a bad one is a :class:`Failure`, the rest goes on.

    Args:
        classifier: What to use.
        files: Paths.
        topk: Classes a picture, cut to the number of classes.
        batch_size: Pictures at a time.

    Yields:
        For each file in order the result and the picture, uint8 RGB [H, W, 3] (None if bad).
    """
    for start in range(0, len(files), batch_size):
        group = [_read(name) for name in files[start : start + batch_size]]
        images = [image for image in group if isinstance(image, np.ndarray)]
        rows = iter(classifier.scores(images)) if images else iter(())
        for name, image in zip(files[start : start + batch_size], group, strict=True):
            if isinstance(image, np.ndarray):
                yield _prediction(name, next(rows), classifier.classes, topk), image
            else:
                yield Failure(name, image), None


def _read(name: str) -> np.ndarray | str:
    """The picture, or why there is none."""
    try:
        image = read_image(Path(name))
    except OSError as error:
        return error.strerror or str(error)
    return "not an image that OpenCV can decode" if image is None else image


def _prediction(name: str, row: np.ndarray, classes: Sequence[str], topk: int) -> Prediction:
    # Stable, so that of equal scores the lower class comes first, as argmax has it.
    best = np.argsort(-row, kind="stable")[:topk].tolist()
    return Prediction(name, best, [float(row[i]) for i in best], [classes[i] for i in best])

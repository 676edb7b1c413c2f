"""Classifying many files."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import numpy as np

from paddle_alexnet.data.decode import Unreadable, is_image_name, read_image
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.errors import DataError
from paddle_alexnet.inference.classifier import ImageClassifier
from paddle_alexnet.printable import printable

_SEPARATOR = f"[{re.escape(os.sep)}/]"
_BELOW = re.compile(rf"(|.*?{_SEPARATOR})\*\*{_SEPARATOR}+(.*)", re.DOTALL)

HELD_PIXELS = (
    2**25
)  # of the pictures of a batch, 100 MB; after the one that exceeds it none is added


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


def find_images(names: Sequence[str], leave_out: str | None = None) -> list[str]:
    """Files for a list of pictures, folders (with all below, in order of name) and patterns.

    Args:
        names: What to look for. Below folders, hidden files and folders are passed over.
        leave_out: A folder below the others that is passed over too.

    Raises:
        DataError: A name matches nothing, or a folder cannot be read.
    """
    found: list[str] = []
    for name in names:
        # A name before a pattern: [1].jpg is both.
        paths = [name] if os.path.lexists(name) else _matching(name)
        matches: list[str] = []
        for path in paths:
            matches += _pictures_below(path, leave_out) if os.path.isdir(path) else [path]
        if not matches:
            raise DataError(
                f"no picture at {printable(name)}: expected a file, a folder with images or '*.jpg'"
            )
        found += matches
    return list(dict.fromkeys(found))


def _matching(pattern: str) -> list[str]:
    """What a pattern matches, in order; ``**`` is any folders below, but none by way of a link.

    glob's own ``**`` follows links: two that lead in a loop keep it busy for ever.
    """
    parts = _BELOW.fullmatch(pattern)
    if parts is None:
        return sorted(glob.glob(pattern))
    head, tail = parts.groups()
    tops = [top for top in glob.glob(head) if os.path.isdir(top)] if head else [os.curdir]
    folders = [parent for top in tops for parent, _, _ in _walk(top)]
    if not head:
        folders = [os.path.relpath(folder) for folder in folders]
    matches = (
        match
        for folder in folders
        for match in _matching(
            os.path.join("" if folder == os.curdir else glob.escape(folder), tail)
        )
    )
    return sorted(set(matches))


def _walk(folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, in order of name, without hidden folders and those behind links.

    Raises:
        DataError: A folder cannot be read.
    """

    def refuse(error: OSError) -> NoReturn:
        raise DataError(
            f"cannot look into {printable(error.filename)}: {error.strerror}; mend its permissions "
            "or name other folders"
        ) from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield parent, folders, names


def _pictures_below(folder: str, leave_out: str | None) -> list[str]:
    found = []
    skipped = None if leave_out is None else os.path.realpath(leave_out)
    for parent, folders, names in _walk(folder):
        if os.path.realpath(parent) == skipped and parent != folder:
            folders.clear()
            continue
        found += [os.path.join(parent, name) for name in sorted(names) if is_image_name(name)]
    return found


def predict_files(
    classifier: ImageClassifier,
    files: Sequence[str],
    *,
    topk: int = 5,
    batch_size: int = 16,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[tuple[Prediction | Failure, np.ndarray | None]]:
    """Classify files in batches; a bad one is a :class:`Failure`, the rest goes on.

    Args:
        classifier: What to use.
        files: Paths.
        topk: Classes a picture, cut to the number of classes.
        batch_size: Pictures at a time; fewer where they are large.
        max_pixels: A larger picture is not decoded: a :class:`Failure`.

    Yields:
        For each file in order the result and the picture, uint8 RGB [H, W, 3] (None if bad).
    """
    for group in _read_batches(files, batch_size, max_pixels):
        images = [image for _, image in group if isinstance(image, np.ndarray)]
        rows = iter(classifier.scores(images)) if images else iter(())
        for name, image in group:
            if isinstance(image, np.ndarray):
                yield _prediction(name, next(rows), classifier.classes, topk), image
            else:
                yield Failure(name, image), None


def _read_batches(
    files: Sequence[str], batch_size: int, max_pixels: int
) -> Iterator[list[tuple[str, np.ndarray | str]]]:
    """Names, each with the picture or with why there is none."""
    group: list[tuple[str, np.ndarray | str]] = []
    held = 0
    for name in files:
        try:
            image = read_image(name, max_pixels)
            group.append((name, image))
            held += image.shape[0] * image.shape[1]
        except Unreadable as error:
            group.append((name, str(error)))
        if len(group) == batch_size or held > HELD_PIXELS:
            yield group
            group, held = [], 0
    if group:
        yield group


def _prediction(name: str, row: np.ndarray, classes: Sequence[str], topk: int) -> Prediction:
    # Stable, so that of equal scores the lower class comes first, as argmax has it.
    best = np.argsort(-row, kind="stable")[:topk].tolist()
    return Prediction(name, best, [float(row[i]) for i in best], [classes[i] for i in best])

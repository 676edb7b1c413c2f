"""Find image files and classify them in batches."""

import functools
import glob
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paddle_alexnet.data.decode import Unreadable, check_image, decode_image, read_file
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.data.samples import LOW_VALUES, read_meaning, unused_bits
from paddle_alexnet.data.tree import ANNOTATED, Unseen, is_image_name, scan, walk
from paddle_alexnet.errors import DataError
from paddle_alexnet.inference.classifier import ImageClassifier

log = logging.getLogger(__name__)

_SEP = f"[{re.escape(os.sep)}/]"
_BELOW = re.compile(rf"(|.*?{_SEP})\*\*{_SEP}+(.*)", re.DOTALL)

# Pixels of the images of a batch (100 MB); the batch ends with the image that exceeds it.
HELD_PIXELS = 2**25


@dataclass(frozen=True)
class Prediction:
    """The best classes of one image; the fields have PaddleClas's names.

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
        """Values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """A file that could not be classified.

    Attributes:
        file_name: As for :class:`Prediction`.
        reason: Why, without the name.
    """

    file_name: str
    reason: str


def find_images(names: Sequence[str], leave_out: str | None = None) -> list[str]:
    """Files for a list of images, folders (with all below, in order of name) and patterns.

    Litter of systems below a folder is passed over, and so are the annotated images of an earlier
    call; what else is no image is counted in one line (:mod:`paddle_alexnet.data.tree`).

    Args:
        names: Paths and patterns.
        leave_out: A folder to skip where it lies below another.

    Raises:
        DataError: A name matches nothing, or a folder cannot be read.
    """
    found: list[str] = []
    for name in names:
        unseen = Unseen(name)
        # A name before a pattern: [1].jpg is both.
        pattern = not os.path.lexists(name)
        matches: list[str] = []
        try:
            for path in _matching(name) if pattern else [name]:
                if os.path.isdir(path):
                    matches += _images_below(path, leave_out, unseen)
                elif pattern and path.endswith(ANNOTATED):
                    unseen.file(path)
                else:
                    matches.append(path)
        except OSError as error:
            raise DataError(
                f"cannot look into {error.filename!r}: {error.strerror}; mend its permissions "
                "or name other folders"
            ) from error
        passed_over = f"; {unseen}" if str(unseen) else ""
        if not matches:
            raise DataError(
                f"no image at {name!r}: expected a file, a folder with images or '*.jpg'"
                + passed_over
            )
        if passed_over:
            log.warning("%s: %s", name, unseen)
        found += matches
    return list(dict.fromkeys(found))


def _matching(pattern: str) -> list[str]:
    """What a pattern matches, sorted; ``**`` stands for any folders below, links excluded.

    glob's own ``**`` follows links and does not end where two of them form a loop.
    """
    parts = _BELOW.fullmatch(pattern)
    if parts is None:
        return sorted(glob.glob(pattern))
    head, tail = parts.groups()
    tops = [top for top in glob.glob(head) if os.path.isdir(top)] if head else [os.curdir]
    folders = [folder for top in tops for folder in _folders(top)]
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


def _folders(folder: str) -> Iterator[str]:
    """A folder and all below, in order of name, without litter and those behind links."""
    yield folder
    for name in scan(folder)[0]:
        path = os.path.join(folder, name)
        if not os.path.islink(path):
            yield from _folders(path)


def _images_below(folder: str, leave_out: str | None, unseen: Unseen) -> list[str]:
    skipped = "" if leave_out is None else os.path.join(os.path.realpath(leave_out), "")

    @functools.cache
    def is_left_out(parent: str) -> bool:
        inside = os.path.join(os.path.realpath(parent), "").startswith(skipped)
        return bool(skipped) and inside and parent != folder

    found = []
    for parent, path in walk(folder, unseen):
        if is_image_name(os.path.basename(path)) and not path.endswith(ANNOTATED):
            found += [] if is_left_out(parent) else [path]
        elif not is_left_out(parent):
            unseen.file(path)
    return found


def predict_files(
    classifier: ImageClassifier,
    files: Sequence[str],
    *,
    topk: int = 5,
    batch_size: int = 16,
    max_pixels: int = MAX_PIXELS,
    sample_bits: int | None = None,
) -> Iterator[tuple[Prediction | Failure, np.ndarray | None]]:
    """Classify files in batches; an unreadable one yields a :class:`Failure`.

    Args:
        classifier: The classifier.
        files: Paths.
        topk: Classes per image, limited to the number of classes.
        batch_size: Images per batch; fewer if they are large.
        max_pixels: A larger image is not decoded: a :class:`Failure`.
        sample_bits: As for :func:`paddle_alexnet.data.decode.read_image`; where it is None and
            16-bit images have few bits, a warning says so at the end.

    Yields:
        For each file in order the result and the image, uint8 RGB [H, W, 3] (None if bad).
    """
    greatest: list[int | None] = []

    def read(name: str) -> np.ndarray:
        data = read_file(name)
        image = decode_image(data, max_pixels, sample_bits)
        if sample_bits is None and read_meaning(data).deep:
            greatest.append(check_image(data, max_pixels))
        return image

    for group in _read_batches(files, batch_size, read):
        images = [image for _, image in group if isinstance(image, np.ndarray)]
        rows = iter(classifier.scores(images)) if images else iter(())
        for name, image in group:
            if isinstance(image, np.ndarray):
                yield best_classes(name, next(rows), classifier.classes, topk), image
            else:
                yield Failure(name, image), None
    bits = unused_bits(greatest)
    if bits is not None:
        log.warning(LOW_VALUES, "these files", 2**bits - 1, f"--sample-bits {bits}")


def _read_batches(
    files: Sequence[str], batch_size: int, read: Callable[[str], np.ndarray]
) -> Iterator[list[tuple[str, np.ndarray | str]]]:
    """Batches of names, each with its image or the reason why there is none."""
    group: list[tuple[str, np.ndarray | str]] = []
    held = 0
    for name in files:
        try:
            image = read(name)
            group.append((name, image))
            held += image.shape[0] * image.shape[1]
        except Unreadable as error:
            group.append((name, str(error)))
        if len(group) == batch_size or held > HELD_PIXELS:
            yield group
            group, held = [], 0
    if group:
        yield group


def best_classes(name: str, row: np.ndarray, classes: Sequence[str], topk: int) -> Prediction:
    """The ``topk`` best classes of an image by its scores [classes]."""
    # Stable, so that of equal scores the lower class comes first, as argmax has it.
    best = np.argsort(-row, kind="stable")[:topk].tolist()
    return Prediction(name, best, [float(row[i]) for i in best], [classes[i] for i in best])

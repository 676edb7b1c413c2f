"""Counts, sizes and near-duplicates of the images of a configuration."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.dataset import ImageDataset
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import CHUNK, MAX_THREADS
from paddle_alexnet.data.loader import group_indices
from paddle_alexnet.data.sources import (
    data_source,
    image_reader,
    list_folder,
    open_data,
    prepare,
)
from paddle_alexnet.errors import DataError
from paddle_alexnet.inspection.near_duplicates import (
    MAX_DISTANCE,
    NearDuplicates,
    find_near_duplicates,
    perceptual_hash,
)

QUANTILES = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


@dataclass(frozen=True)
class Images:
    """Images to inspect.

    Attributes:
        classes: Class names in order of the labels.
        splits: ``train``, ``val`` and, in a folder, ``test``, of those that have images.
        left_out: What was said about files while they were listed.
    """

    classes: list[str]
    splits: dict[str, ImageDataset]
    left_out: list[str]


@dataclass(frozen=True)
class Inspection:
    """What was measured.

    Attributes:
        images: What was inspected.
        counts: For each split the images of each class, int64 [C].
        readable: For each split the indices of the images that can be decoded, int64 [N].
        sizes: Height and width of all of these, int64 [sum of N, 2], pixels.
        unreadable: (name, reason) of the others. A folder has none, as they are left out.
        duplicates: Near-duplicates; an index is one into the split.
    """

    images: Images
    counts: dict[str, np.ndarray]
    readable: dict[str, np.ndarray]
    sizes: np.ndarray
    unreadable: list[tuple[str, str]]
    duplicates: NearDuplicates

    def places(self) -> list[list[tuple[str, int]]]:
        """For each class its readable images as (split, index)."""
        found: list[list[tuple[str, int]]] = [[] for _ in self.images.classes]
        for split, indices in self.readable.items():
            for index in indices.tolist():
                found[self.images.splits[split].label(index)].append((split, index))
        return found

    def quantiles(self) -> dict[str, dict[str, float]]:
        """Quantiles of ``width`` and ``height``, pixels, and of ``aspect_ratio``, their ratio."""
        height, width = self.sizes.T
        values = {"width": width, "height": height, "aspect_ratio": width / height}
        return {
            key: {name: float(np.quantile(of, q)) for name, q in QUANTILES.items()}
            for key, of in values.items()
        }

    def below(self, side: int) -> int:
        """Images whose shorter side is below ``side`` pixels, which are enlarged."""
        return int((self.sizes.min(axis=1) < side).sum())

    def to_json(self, resize: int) -> dict[str, Any]:
        """Values for JSON; ``resize`` is the shorter side after preprocessing, pixels."""
        classes, splits = self.images.classes, self.images.splits

        def image(split: str, index: int) -> dict[str, str]:
            part = splits[split]
            name = classes[part.label(index)]
            return {"split": split, "class": name, "file": part.name(index)}

        return {
            "splits": {split: len(part) for split, part in splits.items()},
            "classes": [
                {"name": name, **{split: int(of[i]) for split, of in self.counts.items()}}
                for i, name in enumerate(classes)
            ],
            "sizes": {
                **self.quantiles(),
                "enlarged": {"below": resize, "count": self.below(resize)},
            },
            "left_out": self.images.left_out,
            "unreadable": [{"file": name, "reason": reason} for name, reason in self.unreadable],
            "near_duplicates": {
                "max_distance": MAX_DISTANCE,
                "count": self.duplicates.count,
                "images": self.duplicates.images,
                "pairs": [
                    {"distance": bits, "images": [image(*one), image(*other)]}
                    for bits, one, other in self.duplicates.pairs
                ],
            },
        }


def open_images(config: Config) -> Images:
    """The images of a configuration; a folder's also where no run could start, to show why.

    Raises:
        DataError, ConfigError: As :func:`paddle_alexnet.data.sources.open_data`; for a folder as
            :func:`paddle_alexnet.data.folder.list_images`.
    """
    keys = config.data
    with _warnings() as left_out:
        if data_source(config) != "folder":
            data = open_data(config)
            return Images(data.classes, {"train": data.train, "val": data.val}, left_out)
        # open_data drops the test images.
        prepare(keys.root, keys.prepare)
        listing, read = list_folder(config), image_reader(config)
        splits = {
            split: FlowerFolder(listing, split, read=read)
            for split, samples in listing.splits.items()
            if samples
        }
        return Images(listing.classes, splits, left_out)


def inspect_images(
    images: Images, done: Callable[[int], object] = lambda count: None
) -> Inspection:
    """Decode every image once, in a few threads.

    Args:
        images: What to inspect.
        done: Called with a number of images when they are done.

    Raises:
        DataError: No image can be decoded.
    """
    counts, readable, hashes, sizes = {}, {}, {}, []
    unreadable: list[tuple[str, str]] = []
    for split, dataset in images.splits.items():
        labels = [dataset.label(i) for i in range(len(dataset))]
        counts[split] = np.bincount(labels, minlength=len(images.classes))
        rows = [row for part in _measured(dataset, done) for row in part]
        unreadable += [(dataset.name(i), row) for i, row in enumerate(rows) if isinstance(row, str)]
        good = [i for i, row in enumerate(rows) if not isinstance(row, str)]
        readable[split] = np.array(good, np.int64)
        hashes[split] = np.array([rows[i][2] for i in good], np.uint64)
        sizes += [rows[i][:2] for i in good]
    if not sizes:
        raise DataError(
            f"no image can be decoded; the first: {unreadable[0][0]}: {unreadable[0][1]}"
        )
    found = find_near_duplicates(hashes)
    found = NearDuplicates(
        found.count,
        found.images,
        [
            (bits, *((split, int(readable[split][i])) for split, i in pair))
            for bits, *pair in found.pairs
        ],
    )
    return Inspection(images, counts, readable, np.array(sizes, np.int64), unreadable, found)


def _measured(
    dataset: ImageDataset, done: Callable[[int], object]
) -> Iterator[list[tuple[int, int, int] | str]]:
    """Height, width and hash of every image, or why it cannot be decoded; in chunks."""

    def measure(indices: range) -> list[tuple[int, int, int] | str]:
        rows: list[tuple[int, int, int] | str] = []
        for index in indices:
            try:
                image = dataset.image(index)
            except DataError as error:
                rows.append(str(error.__cause__ or error))
            else:
                rows.append((*image.shape[:2], perceptual_hash(image)))
        return rows

    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for rows in pool.map(measure, group_indices(range(len(dataset)), CHUNK)):
            done(len(rows))
            yield rows


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the warnings of the modules that list images; they are logged as well."""
    messages: list[str] = []
    logger, handler = logging.getLogger("paddle_alexnet.data"), _Collector(messages)
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)

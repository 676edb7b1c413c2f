"""Data sets of labelled images, their augmentation, and how samples become a batch.

Nothing here imports Paddle: the loading processes unpickle these classes and start in a fraction
of the time.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from paddle_alexnet.data.decode import Unreadable, read_image
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.data.transforms import Transform
from paddle_alexnet.errors import DataError
from paddle_alexnet.randomness import augmentation_rng

ReadImage = Callable[[str], np.ndarray]  # path -> uint8 RGB [H, W, 3], as decode.read_image
Sample = tuple[np.ndarray, int] | tuple[np.ndarray, int, np.ndarray]


class ImageDataset(Protocol):
    """What the rest of the program asks of a data set."""

    def __len__(self) -> int:
        """Number of images."""

    def image(self, index: int) -> np.ndarray:
        """The image, uint8 RGB [H, W, 3].

        Raises:
            DataError: It cannot be read or decoded.
        """

    def label(self, index: int) -> int:
        """Index of its class."""

    def name(self, index: int) -> str:
        """What messages call it: a path, or ``image 17``."""

    def fingerprint(self) -> str:
        """Hash of names, labels and, where it is known, content; order counts."""

    def subset(self, indices: Sequence[int]) -> "ImageDataset":
        """The images at ``indices``, in that order and without the others.

        This is what a loading process receives, pickled: never the whole data set, which may be a
        list of a million images. Its fingerprint need not cover content.
        """


@dataclass(eq=False)
class ImageFiles:
    """Image files with labels; ``ds[i]`` is ``(uint8 RGB [H, W, 3], label)``.

    Attributes:
        samples: (path, label) of every image.
        transform: Applied to each decoded image.
        read: Reads a file; :class:`MemoryCache` keeps decoded images.
        root: The part of every path that the fingerprint ignores, so that a folder can be moved.
        contents: Hash of the files' content, for the fingerprint; empty where it is not known.

    Raises:
        DataError: On access, where a file cannot be read or decoded (any more).
    """

    samples: Sequence[tuple[str, int]]
    transform: Callable[[np.ndarray], np.ndarray] | None = None
    read: ReadImage = read_image
    root: str | Path = ""
    contents: bytes = b""

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.image(index), self.label(index)

    def image(self, index: int) -> np.ndarray:
        """The decoded and transformed image, uint8 RGB [H, W, 3]."""
        path = self.samples[index][0]
        try:
            image = self.read(path)
        except Unreadable as error:
            raise DataError(
                f"cannot use {path!r}: {error}; put a whole copy in its place, then the run can be "
                "resumed; without the image only a new run can begin"
            ) from error
        return image if self.transform is None else self.transform(image)

    def label(self, index: int) -> int:
        """Index of the image's class."""
        return self.samples[index][1]

    def name(self, index: int) -> str:
        """Path of the image."""
        return self.samples[index][0]

    def fingerprint(self) -> str:
        """SHA-256 of labels, paths below the root, and the content hash."""
        root = os.path.join(self.root, "") if str(self.root) else ""
        # No path contains a zero byte, so no two data sets give the same text.
        text = "".join(f"{label}\0{path.removeprefix(root)}\0" for path, label in self.samples)
        names = os.fsencode(text.replace(os.sep, "/"))
        return hashlib.sha256(hashlib.sha256(names).digest() + self.contents).hexdigest()

    def subset(self, indices: Sequence[int]) -> "ImageFiles":
        """Some of the images, without the content hash."""
        chosen = [self.samples[index] for index in indices]
        return ImageFiles(chosen, self.transform, self.read, self.root)


@dataclass(eq=False)
class ImageArrays:
    """Images in memory.

    Attributes:
        images: uint8 RGB [N, H, W, 3].
        labels: Whole numbers [N].

    Raises:
        ValueError: Shape or dtype is another.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"expected uint8 [N, H, W, 3], got {images.dtype} {images.shape}")
        if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            raise ValueError(f"expected {len(images)} labels, got {labels.dtype} {labels.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> np.ndarray:
        """The image, uint8 RGB [H, W, 3]."""
        return self.images[index]

    def label(self, index: int) -> int:
        """Index of the image's class."""
        return int(self.labels[index])

    def name(self, index: int) -> str:
        """``image <index>``."""
        return f"image {index}"

    def fingerprint(self) -> str:
        """SHA-256 of shapes, labels and pixels."""
        digest = hashlib.sha256(str(self.images.shape).encode() + b"\0")
        digest.update(self.labels.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.images))
        return digest.hexdigest()

    def subset(self, indices: Sequence[int]) -> "ImageArrays":
        """A copy of some of the images."""
        chosen = np.asarray(indices, np.intp)
        return ImageArrays(self.images[chosen], self.labels[chosen])


def fingerprint(classes: Sequence[str], splits: Mapping[str, ImageDataset]) -> str:
    """SHA-256 of class names and, for every split, its name, size and fingerprint."""
    parts = [[name, len(split), split.fingerprint()] for name, split in splits.items()]
    return hashlib.sha256(json.dumps([list(classes), parts]).encode("ascii")).hexdigest()


class MemoryCache:
    """Reads image files and keeps the first decoded images that fit in memory.

    They are kept as decoded, before any augmentation, so batches are the same to the bit. A file
    that changes later is not read again. A pickled copy is empty and stays empty.

    Args:
        limit: Bytes of pixels.
        max_pixels: Larger images are not decoded.
        sample_bits: As for :func:`paddle_alexnet.data.decode.read_image`.
    """

    def __init__(
        self, limit: int, max_pixels: int = MAX_PIXELS, sample_bits: int | None = None
    ) -> None:
        self.max_pixels = max_pixels
        self.sample_bits = sample_bits
        self._kept: dict[str, np.ndarray] = {}
        self._left = limit
        self._lock = threading.Lock()

    def __call__(self, path: str) -> np.ndarray:
        """As :func:`paddle_alexnet.data.decode.read_image`; kept images are read-only."""
        image = self._kept.get(path)
        if image is not None:
            return image
        image = read_image(path, self.max_pixels, self.sample_bits)
        with self._lock:
            if path not in self._kept and image.nbytes <= self._left:
                image.flags.writeable = False
                self._kept[path] = image
                self._left -= image.nbytes
        return image

    def __reduce__(self) -> tuple[type["MemoryCache"], tuple[int, int, int | None]]:
        return MemoryCache, (0, self.max_pixels, self.sample_bits)


@dataclass
class AugmentedDataset:
    """Training samples as the net sees them in one epoch.

    A sample depends only on (seed, epoch, index), not on the number of loading processes, nor on
    whether the run was stopped in between.

    Attributes:
        dataset: The images.
        augmentation: Random transform to images of one size.
        seed: The run's seed.
        draw_offset: Draws an offset of an image's colours, float32 [3], RGB on 0..255: the third
            part of a sample. It is added on the device: rounded to uint8 it would no longer be the
            same for all pixels.
        epoch: From 0; set before use.
        offsets: Whether this epoch has offsets, where ``draw_offset`` is given.
        indices: Indices of the samples in the whole data set, which seed their augmentation.
    """

    dataset: ImageDataset
    augmentation: Transform
    seed: int
    draw_offset: Callable[[np.random.Generator], np.ndarray] | None = None
    epoch: int = 0
    offsets: bool = True
    indices: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.indices is None:
            self.indices = range(len(self.dataset))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: int) -> Sample:
        image, label = self.dataset.image(place), self.dataset.label(place)
        rng = augmentation_rng(self.seed, self.epoch, self.indices[place])
        augmented = self.augmentation(image, rng)
        if self.draw_offset is None or not self.offsets:
            return augmented, label
        return augmented, label, self.draw_offset(rng)

    def subset(self, indices: Sequence[int]) -> "AugmentedDataset":
        """Some of the samples, augmented as in the whole."""
        chosen = [self.indices[index] for index in indices]
        return replace(self, dataset=self.dataset.subset(indices), indices=chosen)


@dataclass(frozen=True)
class PreprocessedDataset:
    """Samples for evaluation: ``(preprocess(image), label)``."""

    dataset: ImageDataset
    preprocess: Callable[[np.ndarray], np.ndarray]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: int) -> Sample:
        return self.preprocess(self.dataset.image(place)), self.dataset.label(place)

    def subset(self, indices: Sequence[int]) -> "PreprocessedDataset":
        """Some of the samples."""
        return PreprocessedDataset(self.dataset.subset(indices), self.preprocess)


class Samples(Protocol):
    """What batches are made of; a loading process receives a subset, pickled."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Sample: ...

    def subset(self, indices: Sequence[int]) -> "Samples":
        """The samples at ``indices``, in that order."""


def spread(count: int, most: int) -> list[int]:
    """Indices of at most ``most`` of ``count`` images, evenly spread."""
    return np.linspace(0, count - 1, min(most, count), dtype=int).tolist()


def collect(samples: Samples) -> list[np.ndarray]:
    """All samples as one batch: uint8 [N, S, S, 3], int64 [N], and further parts stacked."""
    parts = zip(*(samples[place] for place in range(len(samples))), strict=True)
    return [np.stack(part) for part in parts]

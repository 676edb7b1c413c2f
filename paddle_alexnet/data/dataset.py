"""Telling whether pictures are still those that a run started with."""

import copy
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from paddle_alexnet.data.cache import Read
from paddle_alexnet.data.decode import Unreadable, read_image
from paddle_alexnet.data.folder import Listing, Sample
from paddle_alexnet.data.pixel_statistics import ColorNoise
from paddle_alexnet.data.transforms import Transform
from paddle_alexnet.errors import DataError
from paddle_alexnet.printable import printable


def digest(listing: Listing) -> str:
    """A hash of classes, splits, labels, and names below the root, in order; and of content.

    It is the same where the root is moved. Of the content that :func:`list_images` read, every bit
    counts; pictures of list files are not read, so of them the names alone.
    """
    head = [listing.classes, {split: len(part) for split, part in listing.splits.items()}]
    whole = hashlib.sha256(json.dumps(head).encode("ascii") + b"\0")
    root = os.path.join(listing.root, "")
    for samples in listing.splits.values():
        # A zero is in no name, so no two listings give the same bytes.
        text = "".join(f"{label}\0{path.removeprefix(root)}\0" for path, label in samples)
        whole.update(os.fsencode(text.replace(os.sep, "/")))
    whole.update(listing.contents)
    return whole.hexdigest()


# MERGED data.view: Pictures as they are read. Nothing here loads Paddle: processes that decode need none of it.


AUGMENT_STREAM = 1  # of the random numbers that one seed gives; see paddle_alexnet.data.batches

Item = tuple[np.ndarray, int] | tuple[np.ndarray, int, np.ndarray]


class ImageSamples:
    """Pictures and labels; an item is ``(uint8 RGB [H, W, 3], label)``.

    Args:
        samples: (path, label) of every picture.
        transform: Called with each picture; its result takes the picture's place.
        read: Opens the files; see :func:`paddle_alexnet.data.cache.open_cache`.

    Raises:
        DataError: On access, a file cannot be read or decoded, perhaps no longer.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        read: Read = read_image,
    ) -> None:
        self.samples = samples
        self.transform = transform
        self.read = read

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> list[int]:
        """The label of every picture."""
        return [label for _, label in self.samples]

    def subset(self, indices: Sequence[int]) -> "ImageSamples":
        """Some of the pictures, in the given order, with nothing of the others."""
        return ImageSamples([self.samples[index] for index in indices], self.transform, self.read)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        path, label = self.samples[index]
        try:
            image = self.read(path)
        except Unreadable as error:
            raise DataError(
                f"cannot use {printable(path)}: {error}; if it was whole at the start, it has "
                "changed since: mend it, or take it out of the folder or the list"
            ) from error
        return (image if self.transform is None else self.transform(image)), label


class AugmentedDataset:
    """Training pictures as the net sees them in one epoch.

    How a picture is changed is told by (seed, epoch, index) alone, so it does not depend on how
    many processes share the work, nor on whether the run was stopped in between.

    Args:
        pictures: Gives (uint8 RGB [H, W, 3], label).
        transform: The random change, to one size for all.
        seed: Of the run.
        noise: Gives each picture a shift of its colours, which is carried beside it: rounded to
            whole pixels it would be another for every pixel. None for no shifts.

    Attributes:
        epoch: From 0; set before use.
        noisy: Whether this epoch has shifts.
        indices: Of the pictures in the whole, which tell their changes.
    """

    def __init__(
        self,
        pictures: ImageSamples,
        transform: Transform,
        seed: int,
        noise: ColorNoise | None = None,
    ) -> None:
        self.pictures = pictures
        self.transform = transform
        self.seed = seed
        self.noise = noise
        self.epoch = 0
        self.noisy = noise is not None
        self.indices: Sequence[int] = range(len(pictures))

    def __len__(self) -> int:
        return len(self.pictures)

    def subset(self, indices: Sequence[int]) -> "AugmentedDataset":
        """Some of the pictures, in the given order, changed as in the whole."""
        part = copy.copy(self)
        part.pictures = self.pictures.subset(indices)
        part.indices = [self.indices[index] for index in indices]
        return part

    def __getitem__(self, place: int) -> Item:
        image, label = self.pictures[place]
        index = self.indices[place]
        rng = np.random.default_rng([self.seed, AUGMENT_STREAM, self.epoch, index])
        changed = self.transform(image, rng)
        return (changed, label, self.noise.shift(rng)) if self.noisy else (changed, label)


class Items(Protocol):
    """What batches are made of."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Item: ...


def collect(items: Items) -> list[np.ndarray]:
    """All items as one batch: uint8 [N, S, S, 3], int64 [N], and what else an item has."""
    parts = zip(*(items[place] for place in range(len(items))), strict=True)
    return [np.stack(part) for part in parts]

"""A folder of pictures by class as a data set."""

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from paddle.io import Dataset

from paddle_alexnet.data.cache import Read
from paddle_alexnet.data.decode import Unreadable, read_image
from paddle_alexnet.data.listing import Listing, list_images
from paddle_alexnet.errors import DataError
from paddle_alexnet.printable import printable


class FlowerFolder(Dataset):
    """Pictures and labels of one split; not only for flowers.

    An item is ``(uint8 RGB [H, W, 3], label)``.

    Args:
        root: Folder as :func:`paddle_alexnet.data.listing.list_images` reads it (divided by file
            names), or what that function returned.
        split: ``train``, ``val``, ``test`` or ``all``.
        transform: Called with each picture; its result takes the picture's place.
        read: Opens the files; see :func:`paddle_alexnet.data.cache.open_cache` to keep pictures or
            to bound their size otherwise.

    Attributes:
        classes: Class names, sorted; labels are indices into them.
        samples: (path, label) of every picture.

    Raises:
        DataError: The folder cannot be used, or has nothing for this split; on access, a file
            cannot be read or decoded, perhaps no longer.
        ValueError: ``split`` is not known.
    """

    def __init__(
        self,
        root: str | Path | Listing,
        split: str = "train",
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        read: Read = read_image,
    ) -> None:
        super().__init__()
        listing = root if isinstance(root, Listing) else list_images(root)
        self.classes = listing.classes
        self.samples = listing.select(split)
        self.transform = transform
        self.read = read

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> list[int]:
        """The label of every picture."""
        return [label for _, label in self.samples]

    def subset(self, indices: Sequence[int]) -> "FlowerFolder":
        """Some of the pictures, in the given order, with nothing of the others."""
        part = copy.copy(self)
        part.samples = [self.samples[index] for index in indices]
        return part

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


def class_index(classes: Sequence[str]) -> str:
    """The text of ``class_index.json``: ``{"0": "daisy", ...}``."""
    names = {str(label): name for label, name in enumerate(classes)}
    return json.dumps(names, ensure_ascii=False, indent=2) + "\n"

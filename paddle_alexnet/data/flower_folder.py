"""A folder of pictures by class as a data set."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from paddle.io import Dataset

from paddle_alexnet.data.cache import Read
from paddle_alexnet.data.dataset import ImageSamples
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import Listing, list_images


class FlowerFolder(ImageSamples, Dataset):
    """Pictures and labels of one split; not only for flowers.

    An item is ``(uint8 RGB [H, W, 3], label)``.

    Args:
        root: Folder as :func:`paddle_alexnet.data.folder.list_images` reads it (divided by file
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
        listing = root if isinstance(root, Listing) else list_images(root)
        super().__init__(listing.select(split), transform, read)
        self.classes = listing.classes


def class_index(classes: Sequence[str]) -> str:
    """The text of ``class_index.json``: ``{"0": "daisy", ...}``."""
    names = {str(label): name for label, name in enumerate(classes)}
    return json.dumps(names, ensure_ascii=False, indent=2) + "\n"

"""A folder of images by class as a data set of Paddle's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from paddle.io import Dataset

from paddle_alexnet.data.dataset import ImageFiles, ReadImage
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import Listing, list_images


class FlowerFolder(ImageFiles, Dataset):
    """Images and labels of one split; not only for flowers.

    ``ds[i]`` is ``(uint8 RGB [H, W, 3], label)``.

    Args:
        root: Folder that :func:`paddle_alexnet.data.folder.list_images` can list (split by file
            name), or a listing.
        split: ``train``, ``val``, ``test`` or ``all``.
        transform: Applied to each decoded image.
        read: Reads a file, e.g. a :class:`paddle_alexnet.data.dataset.MemoryCache`.

    Attributes:
        classes: Class names, sorted; labels are indices into them.
        samples: (path, label) of every image.

    Raises:
        DataError: The folder cannot be used, or has no images for this split; on access, a file
            cannot be read or decoded (any more).
        ValueError: ``split`` is unknown.
    """

    def __init__(
        self,
        root: str | Path | Listing,
        split: str = "train",
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        read: ReadImage = read_image,
    ) -> None:
        listing = root if isinstance(root, Listing) else list_images(root)
        contents = listing.contents.get(split, b"")
        super().__init__(listing.select(split), transform, read, listing.root, contents)
        self.classes = listing.classes

"""From a configuration to its images: where they come from, preparing them, checking them."""

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.dataset import (
    ImageDataset,
    MemoryCache,
    PreprocessedDataset,
    ReadImage,
    fingerprint,
)
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.download import FLOWER_PHOTOS, FLOWER_PHOTOS_ROOT, fetch
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import Listing, list_images, some
from paddle_alexnet.data.layout import single_class, split_folders
from paddle_alexnet.data.list_files import read_lists
from paddle_alexnet.data.loader import group_indices, load_batches
from paddle_alexnet.data.pixel_statistics import (
    PixelStatistics,
    measure_pixel_statistics,
    needs_statistics,
    read_pixel_statistics,
)
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.data.synthetic_flowers import draw_flower_folder
from paddle_alexnet.errors import ConfigError, DataError
from paddle_alexnet.runtime.distributed import ALONE, Ranks

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageData:
    """The images of a run.

    Attributes:
        classes: Class names in order of the labels.
        train: Training images.
        val: Validation images.
        split_rule: How they were split, which travels with the weights.
        fingerprint: Hash by which a resumed run recognizes classes, labels and images: of a folder
            by their content, of list files by their lines.
        marks: For train and val a number uint64 for each image, where they are known.
        by_rule: Whether ``split_rule`` was used; else folders or lists say what is val.
    """

    classes: list[str]
    train: ImageDataset
    val: ImageDataset
    split_rule: SplitRule
    fingerprint: str
    marks: Mapping[str, np.ndarray] = field(default_factory=dict)
    by_rule: bool = True


def open_data(config: Config, ranks: Ranks = ALONE) -> ImageData:
    """Open the images of a configuration; prepare them where they are missing and it says how.

    Raises:
        DataError: They cannot be used.
        ConfigError: The source is unknown, or ``model.num_classes`` or ``train.batch_size`` does
            not fit.
    """
    keys, source = config.data, data_source(config)
    if source not in DATA_SOURCES:
        raise ConfigError(f"data.source: unknown {source!r}; choose {', '.join(DATA_SOURCES)}")
    if ranks.first and source != "lists":
        prepare(keys.root, keys.prepare)
    ranks.barrier()
    data = DATA_SOURCES[source](config)
    _check_classes(config, data.classes)
    check_batches(len(data.train), config.train.batch_size, ranks.data.count)
    return data


def data_source(config: Config) -> str:
    """The key of :data:`DATA_SOURCES` that a configuration chooses."""
    return config.data.source or ("lists" if config.data.train_list else "folder")


def check_batches(images: int, batch_size: int, processes: int) -> None:
    """Check that every process has an image of every batch.

    Raises:
        ConfigError: The last batch of an epoch has fewer images than there are processes.
    """
    last = images % batch_size or batch_size
    if last < processes:
        raise ConfigError(
            f"train.batch_size: {images} training images in batches of {batch_size} leave {last} "
            f"for the last batch, fewer than {processes} processes: choose another batch size"
        )


def open_folder(config: Config) -> ImageData:
    """``data.root`` as a folder of classes; see :func:`paddle_alexnet.data.folder.list_images`."""
    listing = list_folder(config)  # first, as it names what cannot be read
    return _from_listing(listing, config, by_rule=not split_folders(config.data.root))


def list_folder(config: Config) -> Listing:
    """All images of ``data.root``, of train, val and test.

    Raises:
        DataError: As :func:`paddle_alexnet.data.folder.list_images`.
    """
    keys = config.data
    return list_images(
        *(keys.root, _split_rule(config), keys.max_pixels, keys.max_unusable),
        sample_bits=keys.sample_bits,
    )


def image_reader(config: Config) -> ReadImage:
    """Reads an image file as training does, without a cache."""
    keys = config.data
    return functools.partial(read_image, max_pixels=keys.max_pixels, sample_bits=keys.sample_bits)


def open_lists(config: Config) -> ImageData:
    """``data.train_list`` and ``data.val_list``, with paths relative to ``data.root``."""
    keys, wanted = config.data, config.model.num_classes
    if not keys.train_list or not keys.val_list:
        raise ConfigError("data.source lists needs data.train_list and data.val_list")
    listing = read_lists(
        keys.root,
        {"train": keys.train_list, "val": keys.val_list},
        class_names=keys.class_names,
        num_classes=wanted,
    )
    if len(listing.classes) < 2:
        raise DataError(
            f"{keys.train_list} and {keys.val_list} have only one class ({listing.classes[0]!r}): "
            "a classifier needs images of at least two"
        )
    # Without names, model.num_classes asks for as many logits, as for a part of ImageNet.
    part = wanted is not None and keys.class_names is None
    return _from_listing(listing, config, lists=(keys.train_list, keys.val_list), part=part)


# The values of data.source.
DATA_SOURCES: dict[str, Callable[[Config], ImageData]] = {
    "folder": open_folder,
    "lists": open_lists,
}


def prepare(root: str | Path, how: str) -> None:
    """Make the folder ``root`` where nothing of that name exists.

    Args:
        root: The folder of images.
        how: ``none``; ``flower_photos`` to download the photos, only to ``data/flower_photos``, so
            that a mistyped path starts no download; ``drawn_flowers`` to draw synthetic images.

    Raises:
        DataError: It cannot be made.
    """
    if Path(root).exists():
        return
    if how == "flower_photos" and Path(root) == FLOWER_PHOTOS_ROOT:
        fetch(FLOWER_PHOTOS, root)
    elif how == "drawn_flowers":
        draw_flower_folder(root)


def measure_statistics(
    data: ImageData,
    config: Config,
    preprocessing: Preprocessing,
    ranks: Ranks = ALONE,
    stored: Path | None = None,
) -> PixelStatistics | None:
    """Statistics of the training images' squares, where the configuration needs them.

    All processes must call it; each reads its part of the images. A resumed run reads the file
    that it ``stored`` instead.
    """
    if not needs_statistics(config):
        return None
    if stored is not None:
        return read_pixel_statistics(stored, preprocessing.resize)
    indices = range(ranks.rank, len(data.train), ranks.count)
    batches = load_batches(
        PreprocessedDataset(data.train, preprocessing.square),
        group_indices(indices, config.train.batch_size),
        config.data.workers,
    )
    return measure_pixel_statistics(batches, preprocessing.resize, ranks.all_reduce_sum)


def _split_rule(config: Config) -> SplitRule:
    keys = config.data
    seed = config.train.seed if keys.split_seed is None else keys.split_seed
    return SplitRule(keys.split, keys.val_rate, seed)


def _from_listing(
    listing: Listing,
    config: Config,
    *,
    lists: tuple[str, str] | None = None,
    part: bool = False,
    by_rule: bool = False,
) -> ImageData:
    """The images of a folder or of list files.

    Args:
        listing: What was found.
        config: All keys.
        lists: Of train and val; None for a folder.
        part: Whether classes may be without training images.
        by_rule: See :class:`ImageData`.

    Raises:
        DataError: A class has no training images.
    """
    keys = config.data
    read = image_reader(config)
    if keys.cache == "ram":
        read = MemoryCache(int(keys.cache_gib * 2**30), keys.max_pixels, keys.sample_bits)
    train, val = (FlowerFolder(listing, split, read=read) for split in ("train", "val"))
    splits = {split: FlowerFolder(listing, split) for split, part in listing.splits.items() if part}
    _check_images_of_classes(listing, lists, part=part)
    # Those of training images are only compared with the val images of model.pretrained.
    needed = ("train", "val") if config.model.pretrained else ("val",)
    return ImageData(
        *(listing.classes, train, val, _split_rule(config)),
        fingerprint(listing.classes, splits),
        {split: listing.marks(split) for split in needed},
        by_rule,
    )


def _check_images_of_classes(
    listing: Listing, lists: tuple[str, str] | None, *, part: bool
) -> None:
    """Check that every class has training images; name those without val images.

    Raises:
        DataError: A class has no training images.
    """
    without = {}
    for split in ("train", "val"):
        labels = {label for _, label in listing.splits[split]}
        without[split] = [name for n, name in enumerate(listing.classes) if n not in labels]
    if missing := without["train"]:
        if not lists and split_folders(listing.root):
            cure = f"put some in {listing.root / 'train'}/<class>/, or remove its other folders"
        elif not lists:
            cure = (
                "give each some, or remove its folders; data.split=random leaves small classes some"
            )
        elif missing == ["0"] and all(label for of in listing.splits.values() for _, label in of):
            cure = "labels begin at 1: subtract 1 from each"
        else:
            cure = "number the labels from 0 without gaps, and name as many classes"
        where = lists[0] if lists else listing.root
        fault = f"{where}: no training images of the class {some(missing)}: {cure}"
        if not part:
            raise DataError(fault)
        log.warning("%s", fault)
    if without["val"]:
        text = "%s: no val images of the class %s: nothing is measured of it"
        log.warning(text, lists[1] if lists else listing.root, some(without["val"]))


def _check_classes(config: Config, classes: list[str]) -> None:
    if len(classes) < 2:
        raise DataError(
            f"{config.data.root} has only one class ({classes[0]!r}): a classifier needs a folder "
            "of images for each of at least two" + single_class(Path(config.data.root), classes[0])
        )
    wanted = config.model.num_classes
    if wanted is not None and wanted != len(classes):
        raise ConfigError(
            f"model.num_classes is {wanted}, but {config.data.root} has {len(classes)} classes: "
            "leave the key out to take them from the data"
        )

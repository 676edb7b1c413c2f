"""Making the data of a configuration where it is missing."""

from dataclasses import dataclass
from pathlib import Path

from paddle_alexnet.config.schema import AugmentConfig, Config
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.cache import open_cache
from paddle_alexnet.data.download import FLOWER_PHOTOS_ROOT, fetch_flower_photos
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import Listing, list_images
from paddle_alexnet.data.list_files import read_lists
from paddle_alexnet.data.pixel_statistics import (
    ColorNoise,
    PixelStatistics,
    measure_pixel_statistics,
)
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.data.synthetic_flowers import draw_flower_folder
from paddle_alexnet.data.transforms import (
    ColorJitter,
    Compose,
    RandomCrop,
    RandomResizedCrop,
    Transform,
    random_flip,
)
from paddle_alexnet.errors import ConfigError, DataError
from paddle_alexnet.printable import printable_name
from paddle_alexnet.runtime.distributed import ALONE, Ranks


def prepare(root: str | Path, how: str) -> None:
    """Make ``root`` where there is nothing of that name.

    Args:
        root: The folder of data.
        how: ``none``; ``flower_photos`` to fetch the photos, only to ``data/flower_photos``, so
            that a slip in another path does not start a download; ``drawn_flowers`` to draw.

    Raises:
        DataError: It cannot be made.
    """
    if Path(root).exists():
        return
    if how == "flower_photos" and Path(root) == FLOWER_PHOTOS_ROOT:
        fetch_flower_photos(root)
    elif how == "drawn_flowers":
        draw_flower_folder(root)


# MERGED run.inputs: From the keys of data and augmentation to batches.


@dataclass(frozen=True)
class Inputs:
    """What a run learns from.

    Attributes:
        listing: All pictures.
        rule: How they are divided.
        train: The training pictures as they are.
        val: The val pictures, preprocessed.
        preprocessing: That of the net.
        ranks: The processes that share every batch.
    """

    listing: Listing
    rule: SplitRule
    train: FlowerFolder
    val: FlowerFolder
    preprocessing: Preprocessing
    ranks: Ranks = ALONE

    @property
    def classes(self) -> list[str]:
        """Class names in order of the labels."""
        return self.listing.classes

    def pixels(self, config: Config) -> PixelStatistics | None:
        """Statistics of the training pictures' squares, where the configuration needs them.

        All processes must ask; each goes through its share of the pictures.
        """
        if not needs_pixel_statistics(config):
            return None
        squares = FlowerFolder(self.listing, "train", self.preprocessing.square, self.train.read)
        batches = EvaluationBatches(
            squares,
            batch_size=config.train.batch_size,
            workers=config.data.workers,
            share=self.ranks.share,
        )
        return measure_pixel_statistics(
            batches, self.preprocessing.resize, self.ranks.all_reduce_sum
        )

    def training_batches(
        self, config: Config, pixels: PixelStatistics | None, noise_epochs: int | None
    ) -> TrainingBatches:
        """Augmented batches.

        Args:
            config: All keys.
            pixels: For colour noise.
            noise_epochs: How many epochs have it; None for all.
        """
        noise = None
        if config.augment.color_noise != "none" and pixels is not None:
            noise = ColorNoise.make(config.augment.color_noise, pixels)
        return TrainingBatches(
            self.train,
            training_transform(config.augment, self.preprocessing),
            batch_size=config.train.batch_size,
            seed=config.train.seed,
            workers=config.data.workers,
            noise=noise,
            noise_epochs=noise_epochs,
            share=self.ranks.share,
        )

    def val_batches(self, config: Config) -> EvaluationBatches:
        """The val pictures in order."""
        return EvaluationBatches(
            self.val,
            batch_size=config.train.batch_size,
            workers=config.data.workers,
            share=self.ranks.share,
        )


def open_data(config: Config, preprocessing: Preprocessing, ranks: Ranks = ALONE) -> Inputs:
    """Find the pictures; made where they are missing and the configuration says how.

    Raises:
        DataError: There are none, or not as they should be.
        ConfigError: The configuration wants another number of classes, or a folder for decoded
            pictures that cannot be made.
    """
    keys = config.data
    rule = SplitRule(keys.split, keys.val_rate, config.train.seed)
    if keys.train_list and keys.val_list:
        listing = read_lists(
            keys.root,
            {"train": keys.train_list, "val": keys.val_list},
            class_names=keys.class_names,
            num_classes=config.model.num_classes,
        )
    else:
        if ranks.first:
            prepare(keys.root, keys.prepare)
        ranks.barrier()
        listing = list_images(keys.root, rule, keys.max_pixels)
    _check_classes(config, listing.classes)
    read = open_cache(keys.cache, keys.cache_gib, keys.cache_dir, keys.max_pixels)
    train = FlowerFolder(listing, "train", read=read)
    _check_shares(len(train), config.train.batch_size, ranks.count)
    val = FlowerFolder(listing, "val", preprocessing, read)
    return Inputs(listing, rule, train, val, preprocessing, ranks)


def needs_pixel_statistics(config: Config) -> bool:
    """Whether a run needs statistics of its training pictures."""
    return config.data.mean == "image" or config.augment.color_noise != "none"


def training_transform(keys: AugmentConfig, preprocessing: Preprocessing) -> Transform:
    """The random change of a training picture, to uint8 RGB [input_size, input_size, 3]."""
    size = preprocessing.input_size
    if keys.crop == "random":
        steps: list[Transform] = [RandomCrop(size, preprocessing.resize, preprocessing.squash)]
    else:
        steps = [RandomResizedCrop(size, scale=(keys.min_area, 1.0))]
    if keys.flip:
        steps.append(random_flip)
    jitter = ColorJitter(keys.brightness, keys.contrast, keys.saturation, keys.hue)
    if jitter != ColorJitter():
        steps.append(jitter)
    return Compose(steps)


def _check_shares(images: int, batch_size: int, processes: int) -> None:
    """Every process needs a picture of every batch."""
    last = images % batch_size or batch_size
    if last < processes:
        raise ConfigError(
            f"train.batch_size: {images} training images in batches of {batch_size} leave {last} "
            f"for the last batch, fewer than {processes} processes: choose another batch size"
        )


def _check_classes(config: Config, classes: list[str]) -> None:
    if len(classes) < 2:
        raise DataError(
            f"{config.data.root} has only one class ({printable_name(classes[0])}): a classifier "
            "needs a folder of images for each of at least two"
        )
    wanted = config.model.num_classes
    if wanted is not None and wanted != len(classes):
        raise ConfigError(
            f"model.num_classes is {wanted}, but {config.data.root} has {len(classes)} classes: "
            "leave the key out to take them from the data"
        )

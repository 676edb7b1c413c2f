"""Sheets of images: of each class, near-duplicates, what augmentation makes of training images."""

import os
from collections.abc import Sequence

import numpy as np

from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.dataset import (
    AugmentedDataset,
    ImageDataset,
    PreprocessedDataset,
    spread,
)
from paddle_alexnet.data.loader import group_indices, load_batches
from paddle_alexnet.data.pixel_statistics import ColorNoise, measure_pixel_statistics
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import build_augmentation, resize
from paddle_alexnet.figures.captions import BACKGROUND, MIN_WIDTH, FontChooser, caption, grid
from paddle_alexnet.inspection.measure import Images, Inspection

CLASS_IMAGES = 16
PAIRS = 16
AUGMENTED_IMAGES, DRAWS = 8, 7
STATISTICS_IMAGES = 1000  # for colour noise; training measures all


def class_sheet(
    images: Images, places: Sequence[tuple[str, int]], fonts: FontChooser
) -> np.ndarray:
    """Up to 16 images of a class, spread over all that are given.

    Args:
        images: What was inspected.
        places: Of the class, at least one; see :meth:`Inspection.places`.
        fonts: For the captions.

    Returns:
        uint8 RGB. Each image is whole, within 240 x 240 pixels, above its split, class and
        file name.
    """
    return grid([_cell(images, *place, fonts) for place in _spread(places, CLASS_IMAGES)])


def near_duplicate_sheet(inspection: Inspection, fonts: FontChooser) -> np.ndarray:
    """The nearest 16 pairs, one a row, of at least one; uint8 RGB, as :func:`class_sheet`."""
    pairs = inspection.duplicates.pairs[:PAIRS]
    cells = [_cell(inspection.images, *place, fonts) for _, *pair in pairs for place in pair]
    return grid(cells, 2)


def augmentation_sheet(
    dataset: ImageDataset,
    readable: Sequence[int],
    config: Config,
    preprocessing: Preprocessing,
    fonts: FontChooser,
) -> np.ndarray:
    """Training images, one a row: as in validation, then as in the first 7 epochs of a run.

    The draws are those of a run with this ``train.seed``; colour noise, if any, is measured on
    1,000 images only.

    Args:
        dataset: Training images.
        readable: Indices of those that can be decoded, at least one.
        config: All keys.
        preprocessing: Of the net.
        fonts: For the captions.

    Returns:
        uint8 RGB.
    """
    augmentation = build_augmentation(config.augment, preprocessing)
    noise = _color_noise(dataset, readable, config, preprocessing)
    augmented = AugmentedDataset(
        dataset, augmentation, config.train.seed, draw_offset=noise and noise.draw
    )
    cells = []
    for index in _spread(readable, AUGMENTED_IMAGES):
        cells.append(caption(preprocessing(dataset.image(index)), ["validation"], fonts))
        for augmented.epoch in range(DRAWS):
            image, _, *offset = augmented[index]
            if offset:
                image = np.clip(np.rint(image + offset[0]), 0, 255).astype(np.uint8)
            cells.append(caption(image, [f"epoch {augmented.epoch + 1}"], fonts))
    return grid(cells, 1 + DRAWS)


def _color_noise(
    dataset: ImageDataset, readable: Sequence[int], config: Config, preprocessing: Preprocessing
) -> ColorNoise | None:
    if config.augment.color_noise == "none":
        return None
    chosen = dataset.subset(_spread(readable, STATISTICS_IMAGES))
    squares = PreprocessedDataset(chosen, preprocessing.square)
    batches = load_batches(squares, group_indices(range(len(chosen)), 64))
    statistics = measure_pixel_statistics(batches, preprocessing.resize)
    return ColorNoise.build(config.augment.color_noise, statistics)


def _cell(images: Images, split: str, index: int, fonts: FontChooser) -> np.ndarray:
    """An image above its split, class and file name."""
    part = images.splits[split]
    label, name = part.label(index), os.path.basename(part.name(index))
    lines = [
        f"{split}: {fonts.showable(images.classes[label], f'class {label}')}",
        fonts.showable(name, f"image {index}"),
    ]
    return caption(_fit(part.image(index), MIN_WIDTH), lines, fonts)


def _spread(items: Sequence, most: int) -> list:
    """At most ``most`` of the items, evenly spread."""
    return [items[i] for i in spread(len(items), most)]


def _fit(image: np.ndarray, side: int) -> np.ndarray:
    """The whole image in the middle of a square of ``side`` pixels."""
    height, width = (max(1, round(side * n / max(image.shape[:2]))) for n in image.shape[:2])
    square = np.empty((side, side, 3), np.uint8)
    square[:] = BACKGROUND
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = resize(image, height, width)
    return square

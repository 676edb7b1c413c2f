"""Sheets: what is in their cells."""

import numpy as np
import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.data.dataset import AugmentedDataset
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import build_augmentation
from paddle_alexnet.figures.captions import FontChooser
from paddle_alexnet.inspection.measure import inspect_images, open_images
from paddle_alexnet.inspection.sheets import augmentation_sheet, class_sheet

SIDE = 240  # as narrow as a cell with a caption gets, so that pixels stay as they are
PREPROCESSING = Preprocessing(input_size=SIDE, resize=256)


@pytest.fixture(scope="module")
def inspection(flowers):
    return inspect_images(open_images(make_config({"data": {"root": str(flowers)}})))


def cells(sheet, columns):
    """The images of a sheet, without captions."""
    height, width = sheet.shape[0], sheet.shape[1] // columns
    rows = round(height / (SIDE + 28))
    assert height % rows == 0
    step = height // rows
    return [
        [
            sheet[row * step : row * step + SIDE, column * width : column * width + SIDE]
            for column in range(columns)
        ]
        for row in range(rows)
    ]


@pytest.mark.parametrize("noise", ["none", "krizhevsky2012"])
def test_the_draws_are_those_of_the_first_epochs_of_training(inspection, noise):
    config = make_config(
        {"augment": {"brightness": 0.3, "color_noise": noise}, "train": {"seed": 5}}
    )
    train = inspection.images.splits["train"]
    sheet = augmentation_sheet(
        train, inspection.readable["train"], config, PREPROCESSING, FontChooser()
    )
    rows = cells(sheet, 8)
    assert len(rows) == 8
    changed = False
    plain = AugmentedDataset(train, build_augmentation(config.augment, PREPROCESSING), 5)
    for row, index in zip(rows, np.linspace(0, len(train) - 1, 8, dtype=int), strict=True):
        np.testing.assert_array_equal(row[0], PREPROCESSING(train.image(index)))
        for epoch, drawn in enumerate(row[1:]):
            plain.epoch = epoch
            image = plain[index][0].astype(int)
            offset = drawn - image
            if noise == "none":
                assert (offset == 0).all()
            else:  # one offset for all pixels of a channel that are not clipped
                clipped = (drawn == 0) | (drawn == 255)
                for of_channel, out in zip(offset.T, clipped.T, strict=True):
                    assert np.ptp(of_channel[~out]) <= 1
                changed |= bool(offset.any())
    assert changed == (noise != "none")


def test_a_class_sheet_shows_whole_images_of_the_class(inspection, flowers):
    places = inspection.places()[2]
    sheet = class_sheet(inspection.images, places, FontChooser())
    assert len(places) == 12
    assert sheet.shape[1] == 4 * SIDE
    assert sheet.shape[0] % 3 == 0
    split, index = places[0]
    image = inspection.images.splits[split].image(index)
    assert image.shape[0] == image.shape[1]  # drawn flowers are square
    cell = sheet[:SIDE, :SIDE].astype(float)
    assert abs(cell.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 3

"""FlowerFolder, as users of the package see it."""

import functools
import json

import numpy as np
import paddle
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data.class_names import class_index
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import Listing, list_images
from paddle_alexnet.errors import DataError
from tests.odd_files import claiming

SPECIES = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]


def test_items(flowers):
    train = FlowerFolder(flowers)
    assert isinstance(train, paddle.io.Dataset)
    assert train.classes == SPECIES
    assert len(train) == len(train.samples) == 50
    for index in (0, 17, 49):
        image, label = train[index]
        path, want = train.samples[index]
        assert (image.dtype, image.shape) == (np.uint8, (256, 256, 3))
        assert (type(label), label) == (int, want)
        assert train.classes[label] in path
        np.testing.assert_array_equal(image, read_image(path))


def test_splits_and_transform(flowers):
    listing = list_images(flowers)
    val = FlowerFolder(listing, "val", transform=lambda image: image[:5, :7])
    assert val[0][0].shape == (5, 7, 3)
    sizes = [len(FlowerFolder(listing, split)) for split in ("train", "val", "test", "all")]
    assert sizes == [50, 5, 5, 60]
    with pytest.raises(ValueError, match="unknown split"):
        FlowerFolder(listing, "validation")


def test_files_that_go_or_change_later(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "b/2.png"):
        write_png(tmp_path / name, rng)
    images = FlowerFolder(tmp_path, "all")
    (tmp_path / "a" / "1.png").unlink()
    (tmp_path / "b" / "2.png").write_text("no image")
    with pytest.raises(DataError, match=r"1\.png.*No such file"):
        images[0]
    with pytest.raises(DataError, match=r"2\.png': not an image.*can be resumed"):
        images[1]


def test_images_of_a_list_are_limited_when_they_are_read(tmp_path, write_png):
    """Nothing reads them before."""
    rng = np.random.default_rng(0)
    write_png(tmp_path / "new\nline.png", rng, 5, 7)
    (tmp_path / "huge.png").write_bytes(claiming("png", 60_000, 60_000))
    samples = [(str(tmp_path / name), 0) for name in ("new\nline.png", "huge.png")]
    bounded = functools.partial(read_image, max_pixels=35)
    images = FlowerFolder(Listing(tmp_path, ["a"], {"train": samples}), read=bounded)
    assert images[0][0].shape == (5, 7, 3)
    with pytest.raises(DataError, match=r"huge\.png': claims 60000 x 60000 pixels"):
        images[1]
    fewer = functools.partial(read_image, max_pixels=34)
    few = FlowerFolder(Listing(tmp_path, ["a"], {"train": samples}), read=fewer).subset([0])
    with pytest.raises(DataError, match=r"new\\nline\.png' *: claims 7 x 5 pixels.* 34 "):
        few[0]


def test_class_index():
    text = class_index(["daisy", "雏菊"])
    assert json.loads(text) == {"0": "daisy", "1": "雏菊"}
    assert "雏菊" in text

"""Data sets in files and in memory: samples, fingerprints, the cache, and what is pickled."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data import dataset as dataset_module
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.dataset import ImageArrays, MemoryCache, fingerprint
from paddle_alexnet.data.decode import Unreadable, read_image
from paddle_alexnet.data.folder import Listing, list_images
from paddle_alexnet.data.list_files import read_lists
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import ColorJitter, Compose, RandomResizedCrop, random_flip

AUGMENTATION = Compose([RandomResizedCrop(16), random_flip, ColorJitter(0.3, hue=0.2)])
PREPROCESSING = Preprocessing(input_size=16, resize=18)
KEPT = 256 * 256 * 3  # bytes of a drawn flower


@pytest.fixture
def folder(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("train/a/1.png", "train/a/2.png", "train/b/1.png", "val/a/3.png", "val/b/4.png"):
        write_png(tmp_path / "root" / name, rng)
    return tmp_path / "root"


def fingerprint_of(listing):
    splits = {name: FlowerFolder(listing, name) for name in listing.splits if listing.splits[name]}
    return fingerprint(listing.classes, splits)


def swap(one, other):
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def append_a_byte(folder):
    path = folder / "train" / "a" / "1.png"
    # After its last chunk, where no decoder looks.
    path.write_bytes(path.read_bytes() + b"\0")


CHANGES = {
    "content": append_a_byte,
    "content of val": lambda f: swap(f / "val/a/3.png", f / "val/b/4.png"),
    "two of a class": lambda f: swap(f / "train/a/1.png", f / "train/a/2.png"),
    "one name in two classes": lambda f: swap(f / "train/a/1.png", f / "train/b/1.png"),
    "another split": lambda f: (f / "train/a/1.png").rename(f / "val/a/1.png"),
    "another class": lambda f: (f / "train/a/2.png").rename(f / "train/b/2.png"),
    "another name": lambda f: (f / "train/a/1.png").rename(f / "train/a/5.png"),
    "a class renamed": lambda f: [(f / s / "b").rename(f / s / "c") for s in ("train", "val")],
    "one less": lambda f: (f / "train/a/1.png").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_changes_the_fingerprint(folder, change):
    before = fingerprint_of(list_images(folder))
    assert fingerprint_of(list_images(folder)) == before
    change(folder)
    assert fingerprint_of(list_images(folder)) != before


def test_the_fingerprint_does_not_depend_on_where_the_folder_is(folder, tmp_path, monkeypatch):
    before = fingerprint_of(list_images(folder))
    shutil.copytree(folder, tmp_path / "deep" / "moved")
    assert fingerprint_of(list_images(tmp_path / "deep" / "moved")) == before
    monkeypatch.chdir(folder)
    for name in (".", "../root/", os.path.join("..", "deep", "moved")):
        assert fingerprint_of(list_images(name)) == before


def test_of_lists_names_count_and_not_content(folder, tmp_path, monkeypatch):
    def read(root, train="train/a/1.png 0\ntrain/b/1.png 1\n"):
        for name, text in (("train", train), ("val", "val/a/3.png 0\n")):
            (tmp_path / f"{name}.txt").write_text(text)
        lists = {split: tmp_path / f"{split}.txt" for split in ("train", "val")}
        return fingerprint_of(read_lists(root, lists))

    before = read(folder)
    monkeypatch.chdir(tmp_path)
    for root in ("root", "./root/", Path("root")):
        assert read(root) == before
    append_a_byte(folder)
    assert read(folder) == before
    # The last: the same two names without their folders.
    for lines in ("train/a/2.png 0\ntrain/b/1.png 1\n", "train/b/1.png 0\ntrain/a/1.png 1\n"):
        assert read(folder, lines) != before


def test_names_with_spaces_are_not_confused():
    def one(class_name, name):
        splits = {"train": [(f"x/{class_name}/{name}", 0)], "val": [], "test": []}
        return Listing(Path("x"), [class_name], splits)

    assert fingerprint_of(one("a b", "c.png")) != fingerprint_of(one("a", "b c.png"))


@pytest.fixture
def arrays():
    rng = np.random.default_rng(1)
    return ImageArrays(rng.integers(0, 256, (9, 6, 5, 3), dtype=np.uint8), np.arange(9) % 3)


def test_arrays_are_a_data_set(arrays):
    assert len(arrays) == 9
    np.testing.assert_array_equal(arrays.image(4), arrays.images[4])
    assert (arrays.label(4), type(arrays.label(4))) == (1, int)
    assert arrays.name(4) == "image 4"
    part = arrays.subset([7, 2])
    np.testing.assert_array_equal(part.image(0), arrays.images[7])
    assert [part.label(0), part.label(1)] == [1, 2]
    assert len(pickle.dumps(part)) < len(pickle.dumps(arrays)) / 2


def test_the_fingerprint_of_arrays_covers_pixels_labels_and_shape(arrays):
    before = arrays.fingerprint()
    assert ImageArrays(arrays.images.copy(), arrays.labels.astype(np.uint8)).fingerprint() == before
    pixel = arrays.images.copy()
    pixel[8, 5, 4, 2] ^= 1
    label = arrays.labels.copy()
    label[0] = 2
    for images, labels in (
        (pixel, arrays.labels),
        (arrays.images, label),
        (arrays.images.reshape(9, 5, 6, 3), arrays.labels),
        (arrays.images[:8], arrays.labels[:8]),
    ):
        assert ImageArrays(images, labels).fingerprint() != before


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), np.zeros(2, int)),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, int)),
        (np.zeros((2, 3, 4, 4), np.uint8), np.zeros(2, int)),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3, int)),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2)),
    ],
)
def test_other_arrays_are_refused(images, labels):
    with pytest.raises(ValueError, match="expected"):
        ImageArrays(images, labels)


@pytest.mark.parametrize("workers", [0, 1])
def test_arrays_and_files_give_the_same_batches(flowers, workers):
    """Folders and arrays are the same to the rest of the program."""
    files = FlowerFolder(flowers)
    images = np.stack([files.image(i) for i in range(len(files))])
    copies = ImageArrays(images, np.array([files.label(i) for i in range(len(files))]))
    want = batches_of(files, files, 0)
    for a, b in zip(batches_of(copies, copies, workers), want, strict=True):
        np.testing.assert_array_equal(a, b)


def batches_of(train, val, workers):
    """Two epochs of training and one of validation, as arrays."""
    training = TrainingBatches(train, AUGMENTATION, batch_size=16, seed=3, workers=workers)
    validation = EvaluationBatches(val, PREPROCESSING, batch_size=3)
    whole = [*training.epoch(0), *training.epoch(1), *validation]
    return [part.numpy() for batch in whole for part in batch]


@pytest.fixture
def decoded(monkeypatch):
    """The paths that were decoded, in order."""
    paths = []

    def read(path, *limits):
        paths.append(path)
        return read_image(path, *limits)

    monkeypatch.setattr(dataset_module, "read_image", read)
    return paths


@pytest.mark.parametrize("images", [1000, 20])
def test_batches_are_the_same_with_a_cache(flowers, images):
    """Also where only some of the images fit."""
    want = batches_of(FlowerFolder(flowers), FlowerFolder(flowers, "val"), 0)
    read = MemoryCache(images * KEPT)
    cached = (FlowerFolder(flowers, split, read=read) for split in ("train", "val"))
    for a, b in zip(batches_of(*cached, 0), want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_cache_decodes_each_image_once(flowers, decoded):
    read = MemoryCache(1000 * KEPT)
    batches_of(FlowerFolder(flowers, read=read), FlowerFolder(flowers, "val", read=read), 0)
    assert len(decoded) == len(set(decoded)) == 55  # 50 training images and 5 of val


def test_the_cache_has_a_limit(flowers, decoded):
    read = MemoryCache(int(10.5 * KEPT))
    for path, _ in FlowerFolder(flowers).samples * 2:
        read(path)
    assert len(decoded) == 50 + 40


def test_a_pickled_cache_is_empty(flowers):
    read = MemoryCache(100 * KEPT, max_pixels=2**16)
    path, _ = FlowerFolder(flowers).samples[0]
    want = read(path)
    data = pickle.dumps(read)
    assert len(data) < 200
    again = pickle.loads(data)
    np.testing.assert_array_equal(again(path), want)
    assert again.max_pixels == 2**16


def test_cached_images_are_read_only(flowers):
    path, _ = FlowerFolder(flowers).samples[0]
    read = MemoryCache(KEPT)
    read(path)
    with pytest.raises(ValueError, match="read-only"):
        read(path)[0, 0, 0] = 0


def test_the_cache_refuses_what_cannot_be_decoded(flowers, tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(Unreadable):
        MemoryCache(KEPT)(str(tmp_path / "a.png"))
    path = str(next(flowers.glob("daisy/*")))
    with pytest.raises(Unreadable, match="claims 256 x 256"):
        MemoryCache(KEPT, 2**16 - 1)(path)

"""CIFAR-10 as class folders, from archives of a few images that are made here."""

import dataclasses
import hashlib
import io
import tarfile
import zipfile

import cv2
import numpy as np
import pytest

from paddle_alexnet.data import cifar10
from paddle_alexnet.data.cifar10 import CLASSES, prepare_cifar10, prepare_cifar10_jpeg
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.errors import DataError

RECORDS = 20
NAMES = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
FOLDER = "cifar-10-batches-bin"


def records(seed):
    """Labels, RGB images, and the bytes of a file by the description of the format."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(RECORDS) % 10)
    images = rng.integers(0, 256, (RECORDS, 32, 32, 3), dtype=np.uint8)
    data = b"".join(
        bytes([label])
        + image[:, :, 0].tobytes()
        + image[:, :, 1].tobytes()
        + image[:, :, 2].tobytes()
        for label, image in zip(labels.tolist(), images, strict=True)
    )
    return labels, images, data


def make_archive(path, monkeypatch, change=lambda files: files):
    """The archive, which the module then takes for the authors'."""
    files = {f"{FOLDER}/{name}": records(n)[2] for n, name in enumerate(NAMES)}
    files[f"{FOLDER}/readme.html"] = b"<html>"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in change(files).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    data = path.read_bytes()
    known = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    monkeypatch.setattr(cifar10, "CIFAR10", dataclasses.replace(cifar10.CIFAR10, **known))
    monkeypatch.setattr(cifar10, "RECORDS", RECORDS)
    return path


def test_every_record_is_a_png_of_its_class(tmp_path, monkeypatch):
    prepare_cifar10(tmp_path / "c", make_archive(tmp_path / "a.tgz", monkeypatch))
    seen = 0
    for number, name in enumerate(NAMES):
        split = {"data_batch_5.bin": "val", "test_batch.bin": "test"}.get(name, "train")
        labels, images, _ = records(number)
        for index, (label, image) in enumerate(zip(labels, images, strict=True)):
            place = index + (0 if split == "test" else RECORDS * number)
            path = tmp_path / "c" / split / CLASSES[label] / f"{place:05}.png"
            np.testing.assert_array_equal(read_image(path), image)
            seen += 1
    assert len(list((tmp_path / "c").rglob("*.png"))) == seen == 6 * RECORDS
    listing = list_images(tmp_path / "c")
    assert listing.classes == list(CLASSES)
    sizes = {split: len(listing.select(split)) for split in ("train", "val", "test")}
    assert sizes == {"train": 4 * RECORDS, "val": RECORDS, "test": RECORDS}


def without_a_batch(files):
    return {name: data for name, data in files.items() if "batch_3" not in name}


def short(files):
    return {**files, f"{FOLDER}/test_batch.bin": files[f"{FOLDER}/test_batch.bin"][:-1]}


def eleventh_class(files):
    return {**files, f"{FOLDER}/data_batch_2.bin": b"\x0a" + records(1)[2][1:]}


def elsewhere(files):
    return {name.replace(FOLDER, "other"): data for name, data in files.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_a_batch, "data_batch_3"),
        (short, "test_batch.bin does not hold 20 images"),
        (eleventh_class, "data_batch_2.bin has labels over 9"),
        (elsewhere, "has no file cifar-10-batches-bin/data_batch_1.bin"),
    ],
)
def test_an_archive_of_other_content_leaves_nothing(tmp_path, monkeypatch, change, words):
    path = make_archive(tmp_path / "a.tgz", monkeypatch, change)
    with pytest.raises(DataError, match=words):
        prepare_cifar10(tmp_path / "c", path)
    assert list(tmp_path.iterdir()) == [path]


def test_another_file_and_a_folder_that_is_taken_are_refused(tmp_path, monkeypatch):
    path = make_archive(tmp_path / "a.tgz", monkeypatch)
    (tmp_path / "b.tgz").write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"b\.tgz is not cifar-10-binary\.tar\.gz"):
        prepare_cifar10(tmp_path / "c", tmp_path / "b.tgz")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").touch()
    with pytest.raises(DataError, match="not an empty folder"):
        prepare_cifar10(tmp_path / "c", path)
    with pytest.raises(DataError, match="cannot make"):
        prepare_cifar10_jpeg(tmp_path / "c", make_zip(tmp_path / "z.zip", monkeypatch))


def make_zip(path, monkeypatch, change=lambda files: files):
    """Ten training and two test images of each class."""
    monkeypatch.setattr(cifar10, "VAL_OF_CLASS", 2)
    rng = np.random.default_rng(0)
    files = {}
    for kind, count in (("train", 10), ("test", 2)):
        for title in CLASSES:
            for index in rng.permutation(count):
                image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                data = cv2.imencode(".jpg", image)[1].tobytes()
                files[f"cifar10/{kind}/{title}/{index:04}.jpg"] = data
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in change(files).items():
            archive.writestr(name, data)
    return path


def test_jpegs_keep_their_pixels_and_the_last_names_are_val(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "z.zip", monkeypatch, lambda files: {**files, "readme": b"x"})
    prepare_cifar10_jpeg(tmp_path / "c", path)
    folders = {
        split: sorted(p.name for p in (tmp_path / "c" / split / "cat").iterdir())
        for split in ("train", "val", "test")
    }
    assert folders == {
        "train": [f"{i:04}.png" for i in range(8)],
        "val": ["0008.png", "0009.png"],
        "test": ["0000.png", "0001.png"],
    }
    for split, name, kind in (("val", "0008", "train"), ("test", "0001", "test")):
        data = zipfile.ZipFile(path).read(f"cifar10/{kind}/dog/{name}.jpg")
        want = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(
            read_image(tmp_path / "c" / split / "dog" / f"{name}.png"), want
        )


CAT = "cifar10/train/cat/0003.jpg"
LARGE = cv2.imencode(".jpg", np.zeros((32, 33, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: {n: d for n, d in files.items() if n != CAT}, "9 files cifar10/train/cat/"),
        (lambda files: {**files, CAT: b"no image"}, "cat/0003.jpg: not an image"),
        (lambda files: {**files, CAT: LARGE}, r"cat/0003.jpg has shape \(32, 33, 3\)"),
        (
            lambda files: {n.replace("cat/0003", "cat/../0003"): d for n, d in files.items()},
            "9 files cifar10/train/cat/",
        ),
    ],
)
def test_a_zip_of_other_content_leaves_nothing(tmp_path, monkeypatch, change, words):
    path = make_zip(tmp_path / "z.zip", monkeypatch, change)
    with pytest.raises(DataError, match=words):
        prepare_cifar10_jpeg(tmp_path / "c", path)
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_and_missing_files(tmp_path, monkeypatch):
    whole = make_zip(tmp_path / "z.zip", monkeypatch).read_bytes()
    (tmp_path / "z.zip").write_bytes(whole[:-100])
    with pytest.raises(DataError, match="cannot be unpacked"):
        prepare_cifar10_jpeg(tmp_path / "c", tmp_path / "z.zip")
    with pytest.raises(DataError, match="there is no file"):
        prepare_cifar10_jpeg(tmp_path / "c", tmp_path / "no.zip")
    assert not (tmp_path / "c").exists()


def test_the_archive_is_the_authors():
    """Figures as published with the data set: 10,000 records of 3,073 bytes a file."""
    assert cifar10.RECORDS * cifar10.RECORD == 30_730_000
    assert cifar10.CIFAR10.size == 170_052_171
    assert cifar10.CIFAR10.sha256.startswith("c4a38c50a1bc5f3a1c55")

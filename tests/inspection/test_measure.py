"""Counts, sizes and what is left out, of folders and lists made here."""

import json
import shutil

import cv2
import numpy as np
import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.data.sources import open_data
from paddle_alexnet.data.split import hash_split
from paddle_alexnet.errors import DataError
from paddle_alexnet.inspection.measure import inspect_images, open_images


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def inspect(**keys):
    return inspect_images(open_images(make_config({"data": keys})))


def test_counts_and_sizes_of_a_folder_by_hand(tmp_path, rng, write_png):
    sizes = {"a/0.png": (10, 20), "a/1.png": (30, 30), "a/2.png": (300, 100), "b/3.png": (40, 40)}
    for name, size in sizes.items():
        write_png(tmp_path / "val" / name, rng, *size)
    write_png(tmp_path / "train" / "c" / "4.png", rng, 60, 80)
    got = inspect(root=str(tmp_path))
    values = got.to_json(64)
    assert values["splits"] == {"train": 1, "val": 4}
    assert values["classes"] == [
        {"name": "a", "train": 0, "val": 3},
        {"name": "b", "train": 0, "val": 1},
        {"name": "c", "train": 1, "val": 0},
    ]
    assert values["sizes"]["height"] == pytest.approx(
        {"min": 10, "p5": 14, "median": 40, "p95": 252, "max": 300}  # of 10 30 40 60 300
    )
    ratios = values["sizes"]["aspect_ratio"]  # 1/3, 1, 1, 4/3, 2
    assert (ratios["min"], ratios["median"], ratios["max"]) == pytest.approx((1 / 3, 1, 2))
    assert values["sizes"]["enlarged"] == {"below": 64, "count": 4}
    assert got.places()[0] == [("val", 0), ("val", 1), ("val", 2)]


def test_a_folder_divided_by_name_has_its_test_images_too(flowers):
    got = inspect(root=str(flowers))
    for split, counts in got.counts.items():
        names = [path.name for path in flowers.glob("*/*")]
        assert counts.sum() == sum(hash_split(name) == split for name in names) > 0
    assert list(got.counts) == ["train", "val", "test"]


def test_the_images_are_those_of_training(tmp_path, rng, write_png):
    """A split by its own seed, a bound on unusable files, and images of 12 bits."""
    for name in "ab":
        for number in range(20):
            write_png(tmp_path / name / f"{number}.png", rng)
    (tmp_path / "a" / "bad.png").write_bytes(b"bad")
    deep = np.full((20, 20, 3), 4080, np.uint16)
    cv2.imwrite(str(tmp_path / "a" / "deep.png"), deep)
    keys = {"split": "random", "split_seed": 7, "max_unusable": 0.1, "sample_bits": 12}
    config = make_config({"data": {"root": str(tmp_path), **keys}, "train": {"batch_size": 8}})
    got, want = open_images(config).splits, open_data(config)
    for split, images in (("train", want.train), ("val", want.val)):
        names = [images.name(i) for i in range(len(images))]
        assert [got[split].name(i) for i in range(len(got[split]))] == names
        for i, name in enumerate(names):
            if name.endswith("deep.png"):
                assert got[split].image(i).min() == images.image(i).min() == 254


def test_what_is_left_out_is_told_with_the_reason(tmp_path, rng, write_png):
    for label in "ab":
        for i in range(100):
            write_png(tmp_path / label / f"{i}.png", rng, 4, 4)
    (tmp_path / "a" / "bad.png").write_bytes(b"no image")
    shutil.copy(tmp_path / "a" / "7.png", tmp_path / "b" / "other.png")
    left_out = inspect(root=str(tmp_path)).to_json(4)["left_out"]
    assert any("bad.png" in line for line in left_out)
    assert any("7.png" in line and "other.png" in line for line in left_out)


def test_a_copy_at_another_quality_in_another_split_is_a_near_duplicate(tmp_path, flowers):
    import cv2

    shutil.copytree(flowers, tmp_path / "train")
    source = sorted((flowers / "daisy").iterdir())[3]
    (tmp_path / "val" / "roses").mkdir(parents=True)
    copy = tmp_path / "val" / "roses" / "copy.jpg"
    cv2.imwrite(str(copy), cv2.imread(str(source)), [cv2.IMWRITE_JPEG_QUALITY, 70])
    values = inspect(root=str(tmp_path)).to_json(256)["near_duplicates"]
    assert values["images"]["val"] == 1
    assert [image["class"] for image in values["pairs"][0]["images"]] == ["daisy", "roses"]
    files = [image["file"] for image in values["pairs"][0]["images"]]
    assert files == [str(tmp_path / "train" / "daisy" / source.name), str(copy)]


def test_a_list_with_a_damaged_file_keeps_the_places_of_the_others(tmp_path, rng, write_png):
    for i in range(4):
        write_png(tmp_path / f"{i}.png", rng, 4 + i, 5)
    (tmp_path / "1.png").write_bytes(b"no image")
    (tmp_path / "train.txt").write_text("0.png 0\n1.png 0\n2.png 1\n")
    shutil.copy(tmp_path / "2.png", tmp_path / "copy.png")
    (tmp_path / "val.txt").write_text("3.png 0\ncopy.png 1\n")
    got = inspect(
        root=str(tmp_path),
        train_list=str(tmp_path / "train.txt"),
        val_list=str(tmp_path / "val.txt"),
    )
    assert [name for name, _ in got.unreadable] == [str(tmp_path / "1.png")]
    assert got.readable["train"].tolist() == [0, 2]
    assert got.sizes[:, 0].tolist() == [4, 6, 7, 6]
    assert (0, ("train", 2), ("val", 1)) in got.duplicates.pairs
    json.dumps(got.to_json(4), allow_nan=False)


def test_lists_without_any_image(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no image")
    (tmp_path / "list.txt").write_text("0.png 0\n0.png 1\n")
    lists = str(tmp_path / "list.txt")
    with pytest.raises(DataError, match=r"0\.png"):
        inspect(root=str(tmp_path), train_list=lists, val_list=lists)


def test_every_image_is_reported_as_done(flowers):
    images, done = open_images(make_config({"data": {"root": str(flowers)}})), []
    inspect_images(images, done.append)
    assert sum(done) == 60

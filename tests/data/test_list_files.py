"""List files of lines 'path label'."""

import numpy as np
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data.list_files import read_lists
from paddle_alexnet.errors import DataError


@pytest.fixture
def root(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("train/a/1.png", "train/a/two words.png", "val/2.png"):
        write_png(tmp_path / name, rng)
    (tmp_path / "train.txt").write_text("train/a/1.png 3\n\ntrain/a/two words.png 0\n")
    (tmp_path / "val.txt").write_text("val/2.png 1\n")
    return tmp_path


def lists(root, **settings):
    return read_lists(root, {"train": root / "train.txt", "val": root / "val.txt"}, **settings)


def test_lines_become_pictures_with_labels(root):
    listing = lists(root)
    assert listing.classes == ["0", "1", "2", "3"]
    assert listing.splits["train"] == [
        (str(root / "train/a/1.png"), 3),
        (str(root / "train/a/two words.png"), 0),
    ]
    assert listing.splits["val"] == [(str(root / "val/2.png"), 1)]
    image, label = FlowerFolder(listing, "train")[1]
    assert (image.shape, label) == ((24, 20, 3), 0)


def test_as_many_classes_as_are_asked_for(root):
    assert len(lists(root, num_classes=1000).classes) == 1000
    (root / "names.txt").write_text("tench\ngoldfish\nshark\nhen\n")
    assert lists(root, class_names=root / "names.txt").classes[3] == "hen"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train/a/1.png", "line 1: expected 'path label'"),
        ("train/a/1.png x", "line 1: expected 'path label'"),
        ("train/a/1.png -1", "line 1: expected 'path label'"),
        ("nowhere/1.png 0", "which is not there"),
        ("train/a/1.png 100000", "labels may be 0 to 99,999"),
        ("train/a/1.png " + "9" * 5000, "labels may be 0 to 99,999"),
        ("train/a/1.png ٣", "line 1: expected 'path label'"),  # a digit, but not one of ours
        ("train/a/1.png 0\na\0b 0", "line 2: expected 'path label'"),
        ("x" * 10**6, "line 1: expected 'path label'"),
        ("", "empty"),
    ],
)
def test_lines_that_cannot_be(root, line, words):
    (root / "train.txt").write_text(line + "\n")
    with pytest.raises(DataError, match=words):
        lists(root)


def test_labels_and_names_must_fit_the_number_of_classes(root):
    with pytest.raises(DataError, match="label 3, but there are 2 classes"):
        lists(root, num_classes=2)
    (root / "names.txt").write_text("tench\ngoldfish\n")
    with pytest.raises(DataError, match=r"names\.txt names 2 classes"):
        lists(root, num_classes=4, class_names=root / "names.txt")
    with pytest.raises(DataError, match="label 3, but there are 2"):
        lists(root, class_names=root / "names.txt")


def test_a_list_that_cannot_be_read(root):
    (root / "val.txt").unlink()
    with pytest.raises(DataError, match=r"val\.txt"):
        lists(root)
    (root / "val.txt").write_bytes(b"\xff\xfe 1\n")
    with pytest.raises(DataError, match=r"val\.txt"):
        lists(root)

"""List files of lines 'path label', and class names in files."""

import json

import numpy as np
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data.list_files import class_index, read_class_names, read_lists
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


def test_lines_become_images_with_labels(root):
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
        ("nowhere/1.png 0", "which does not exist"),
        ("train/a/1.png 100000", "labels may be 0 to 99,999"),
        ("train/a/1.png " + "9" * 5000, "labels may be 0 to 99,999"),
        ("train/a/1.png ٣", "line 1: expected 'path label'"),  # a digit, but not one of ours
        ("train/a/1.png 0\na\0b 0", "line 2: expected 'path label'"),
        ("x" * 10**6, "line 1: expected 'path label'"),
        ("", "empty"),
    ],
)
def test_malformed_lines(root, line, words):
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


def test_class_names_of_both_forms(tmp_path):
    (tmp_path / "a.json").write_text('{"1": "雏菊", "0": "daisy"}', encoding="utf-8")
    (tmp_path / "a.txt").write_text("daisy\n\n 雏菊 \n", encoding="utf-8")
    for name in ("a.json", "a.txt"):
        assert read_class_names(tmp_path / name) == ["daisy", "雏菊"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "3",
        '"daisy"',
        '["daisy"]',
        '{"1": "daisy"}',
        '{"0": "daisy", "2": "rose"}',
        '{"0": ["daisy"]}',
        '{"0": {}}',
        '{"0": null}',
        '{"0": " "}',
        '{"0": "daisy", "0": "rose"}',
        "[" * 100_000,
        json.dumps({"0": "x" * (1 << 24)}),
        json.dumps({"0": "x" * 1001}),
    ],
)
def test_malformed_class_indices(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json"):
        read_class_names(tmp_path / "a.json")


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xff\xfe"])
def test_malformed_class_names(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.txt"):
        read_class_names(tmp_path / "a.txt")


def test_missing_class_names(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_class_names(tmp_path / "a.txt")


def test_a_class_index_is_read_back(tmp_path):
    (tmp_path / "class_index.json").write_text(class_index(["daisy", "雏菊"]), encoding="utf-8")
    assert read_class_names(tmp_path / "class_index.json") == ["daisy", "雏菊"]

"""Layouts of folders: classes of any depth, splits under other names, folders that need a word."""

import numpy as np
import pytest

from paddle_alexnet.data.folder import copy_split, list_images
from paddle_alexnet.data.split import SplitRule, hash_split
from paddle_alexnet.errors import DataError


@pytest.fixture
def make(tmp_path, write_png):
    """Makes a folder with an image of each name."""
    rng = np.random.default_rng(0)

    def folder(*names):
        for name in names:
            write_png(tmp_path / "root" / name, rng, 4, 4)
        return tmp_path / "root"

    return folder


def shown(listing, split):
    return [path.removeprefix(f"{listing.root}/") for path, _ in listing.splits[split]]


def test_a_class_has_the_images_of_any_depth(make, tmp_path, caplog):
    names = [
        f"{c}/{d}{i}.png" for c in "ab" for d in ("", "2024/", "2024/may/x/") for i in range(9)
    ]
    root = make(*names)
    listing = list_images(root)
    assert listing.classes == ["a", "b"]
    assert not caplog.records
    for split in ("train", "val", "test"):
        want = sorted(name for name in names if hash_split(name.rpartition("/")[2]) == split)
        assert shown(listing, split) == want
    done = copy_split(root, tmp_path / "out", val_rate=0.3, seed=1)
    assert len(done.splits["val"]) == 2 * 8
    assert [f"{s}/{n}" for s in ("train", "val") for n in shown(done, s)] == sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")
    )
    again = list_images(tmp_path / "out")
    assert {s: len(p) for s, p in again.splits.items()} == {"train": 38, "val": 16, "test": 0}
    rule = SplitRule("random", 0.3, 1)
    assert list_images(root, rule).splits == done.splits


def test_images_of_a_split_at_any_depth(make):
    root = make(
        "train/a/1.png", "train/a/x/2.png", "train/b/3.png", "val/a/y/z/4.png", "val/b/5.png"
    )
    assert shown(list_images(root), "train") == [
        "train/a/1.png",
        "train/a/x/2.png",
        "train/b/3.png",
    ]
    assert shown(list_images(root), "val") == ["val/a/y/z/4.png", "val/b/5.png"]


@pytest.mark.parametrize(
    ("inner", "names"),
    [
        ("flowers", ("train/a/1.png", "val/a/2.png")),
        ("flowers", ("train/1.png", "valid/2.png")),
        ("flowers/v2", ("Training/a/1.png", "Test/a/2.png")),
        ("train/flowers", ("train/1.png", "test/2.png")),
    ],
)
def test_a_class_that_is_divided_itself_is_named(make, inner, names):
    root = make("b/1.png", *(f"{inner}/{name}" for name in names))
    with pytest.raises(
        DataError, match=rf"{root / inner}.*would be a class.*data\.root={root / inner}"
    ):
        list_images(root)


@pytest.mark.parametrize(
    "names", [("Train", "Val"), ("training", "validation"), ("train_set", "test")]
)
def test_splits_under_other_names_are_no_classes(make, names):
    root = make(*(f"{name}/{c}/1.png" for name in names for c in "ab"))
    with pytest.raises(DataError, match=rf"mv {root / names[0]} {root}/train") as caught:
        list_images(root).select("val")
    assert "'" + names[0] + "'" in str(caught.value)


def test_a_folder_valid_is_named_with_the_command(make):
    root = make("train/a/1.png", "train/b/2.png", "valid/a/3.png", "valid/b/4.png")
    with pytest.raises(DataError, match=rf"'valid', .* mv {root}/valid {root}/val$"):
        list_images(root).select("val")


@pytest.mark.parametrize("test", ["test/3.png", "test/a/3.png", "val/4.png"])
def test_without_val_the_command_names_train(make, test, caplog):
    root = make("train/a/1.png", "train/b/2.png", test)
    listing = list_images(root)
    with pytest.raises(DataError, match=rf"-o data\.root={root}/train") as caught:
        listing.select("val")
    flat = test.count("/") == 1
    assert ("an undivided" in str(caught.value)) == flat
    assert ("1 file in 1 place was not looked at" in caplog.text) == flat


def test_classes_called_train_and_test_are_doubted(make, caplog):
    assert list_images(make("train/1.png", "test1/2.png")).classes == ["test1", "train"]
    assert "'test1' and 'train'; if these are parts" in caplog.text
    caplog.clear()
    assert list_images(make("car/1.png")).classes == ["car", "test1", "train"]
    assert not caplog.records


def test_folders_beside_splits_are_counted(make, caplog):
    root = make("train/a/1.png", "train/2.png", "val/a/3.png", "extra/a/4.png", "extra/5.png")
    assert list_images(root).classes == ["a"]
    assert "3 files in 3 places were not looked at: 'extra' (1: .png), 'extra/a'" in caplog.text


def test_images_outside_a_class(make):
    with pytest.raises(DataError, match=r"2 images such as '1\.png' lie in it"):
        list_images(make("1.png", "2.png"))


def test_a_link_that_leads_back_is_no_class(make):
    root = make("a/1.png", "a/2.png", "b/3.png")
    for name, target in (("up", ".."), ("here", "."), ("self", "self"), ("other", "a")):
        (root / name).symlink_to(target)
    listing = list_images(root)
    assert listing.classes == ["b"]  # a's images are in "other" too: their class is in doubt

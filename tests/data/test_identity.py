"""What tells one set of pictures from another."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from paddle_alexnet.data.dataset import digest
from paddle_alexnet.data.folder import Listing, list_images
from paddle_alexnet.data.list_files import read_lists


@pytest.fixture
def folder(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("train/a/1.png", "train/a/2.png", "train/b/1.png", "val/a/3.png", "val/b/4.png"):
        write_png(tmp_path / "root" / name, rng)
    return tmp_path / "root"


def swap(one, other):
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def change_a_bit(folder):
    path = folder / "train" / "a" / "1.png"
    # After its last chunk, where no decoder looks.
    path.write_bytes(path.read_bytes() + b"\0")


CHANGES = {
    "content": change_a_bit,
    "two of a class": lambda f: swap(f / "train/a/1.png", f / "train/a/2.png"),
    "one name in two classes": lambda f: swap(f / "train/a/1.png", f / "train/b/1.png"),
    "another split": lambda f: (f / "train/a/1.png").rename(f / "val/a/1.png"),
    "another class": lambda f: (f / "train/a/2.png").rename(f / "train/b/2.png"),
    "another name": lambda f: (f / "train/a/1.png").rename(f / "train/a/5.png"),
    "a class renamed": lambda f: [(f / s / "b").rename(f / s / "c") for s in ("train", "val")],
    "one less": lambda f: (f / "train/a/1.png").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_noticed(folder, change):
    before = digest(list_images(folder))
    assert digest(list_images(folder)) == before
    change(folder)
    assert digest(list_images(folder)) != before


def test_where_the_folder_lies_does_not_matter(folder, tmp_path, monkeypatch):
    before = digest(list_images(folder))
    shutil.copytree(folder, tmp_path / "deep" / "moved")
    assert digest(list_images(tmp_path / "deep" / "moved")) == before
    monkeypatch.chdir(folder)
    for name in (".", "../root/", os.path.join("..", "deep", "moved")):
        assert digest(list_images(name)) == before


def test_of_lists_the_names_count_and_not_the_content(folder, tmp_path, monkeypatch):
    def read(root, train="train/a/1.png 0\ntrain/b/1.png 1\n"):
        for name, text in (("train", train), ("val", "val/a/3.png 0\n")):
            (tmp_path / f"{name}.txt").write_text(text)
        return digest(read_lists(root, {s: tmp_path / f"{s}.txt" for s in ("train", "val")}))

    before = read(folder)
    monkeypatch.chdir(tmp_path)
    for root in ("root", "./root/", Path("root")):
        assert read(root) == before
    change_a_bit(folder)
    assert read(folder) == before
    # The last: the same two names without their folders.
    for lines in ("train/a/2.png 0\ntrain/b/1.png 1\n", "train/b/1.png 0\ntrain/a/1.png 1\n"):
        assert read(folder, lines) != before


def test_names_with_blanks_are_not_mixed_up():
    def one(class_name, name):
        return Listing(Path("x"), [class_name], {"train": [(f"x/{class_name}/{name}", 0)]})

    assert digest(one("a b", "c.png")) != digest(one("a", "b c.png"))

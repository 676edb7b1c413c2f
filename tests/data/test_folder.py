"""What is listed of a folder, what is left out, and copying a split."""

import logging
import os
import shutil

import numpy as np
import pytest

from paddle_alexnet.data import folder as folder_module
from paddle_alexnet.data.decode import Unreadable
from paddle_alexnet.data.folder import copy_split, list_images
from paddle_alexnet.data.split import SplitRule, hash_split
from paddle_alexnet.errors import ConfigError, DataError
from tests.odd_files import claiming


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def names(listing, split="all"):
    return {os.path.relpath(path, listing.root): label for path, label in listing.select(split)}


@pytest.fixture
def many(tmp_path, rng, write_png):
    """200 images in each of two classes: two bad ones are under 1 %."""
    for name in ("a", "b"):
        for i in range(200):
            write_png(tmp_path / "many" / name / f"{i}.png", rng, 4, 4)
    return tmp_path / "many"


def test_a_folder_of_classes_is_split_by_file_name(many):
    listing = list_images(many)
    assert listing.classes == ["a", "b"]
    for split in ("train", "val", "test"):
        got = names(listing, split)
        assert got == {
            f"{c}/{i}.png": label
            for label, c in enumerate("ab")
            for i in range(200)
            if hash_split(f"{i}.png") == split
        }
    assert len(names(listing)) == 400
    assert listing.select("train") == sorted(listing.select("train"))


def test_a_random_split(many):
    listing = list_images(many, SplitRule("random", 0.25, 1))
    assert len(listing.select("val")) == 100
    assert len(listing.select("train")) == 300
    assert not names(listing, "train").keys() & names(listing, "val").keys()
    assert listing == list_images(many, SplitRule("random", 0.25, 1))
    with pytest.raises(DataError, match=r"no images for the split test \(train 300, val 100"):
        listing.select("test")
    with pytest.raises(ValueError, match="unknown split"):
        listing.select("valid")


def test_folders_train_val_and_test_are_the_split(tmp_path, rng, write_png):
    for name in ("train/b/1.png", "train/a/1.png", "val/a/2.png", "test/b/3.png"):
        write_png(tmp_path / name, rng)
    listing = list_images(tmp_path, SplitRule("random"))
    assert listing.classes == ["a", "b"]
    assert names(listing, "train") == {"train/a/1.png": 0, "train/b/1.png": 1}
    assert names(listing, "val") == {"val/a/2.png": 0}
    assert names(listing, "test") == {"test/b/3.png": 1}


def test_a_class_may_be_called_test(tmp_path, rng, write_png):
    for name in ("test/1.png", "train/2.png"):
        write_png(tmp_path / name, rng)
    assert list_images(tmp_path).classes == ["test", "train"]


def test_what_is_ignored(tmp_path, rng, write_png):
    for name in ("a/1.PNG", "花/雏菊 2.png", ".hidden/3.png"):
        write_png(tmp_path / name, rng)
    (tmp_path / "LICENSE.txt").touch()
    (tmp_path / "a" / "notes.txt").touch()
    (tmp_path / "a" / "._1.PNG").write_text("left by macOS")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "b").symlink_to(tmp_path)  # a loop, and no class as no image is in it
    assert names(list_images(tmp_path)) == {"a/1.PNG": 0, "花/雏菊 2.png": 1}


def test_what_does_not_decode_is_named_once_and_counted(many, caplog):
    (many / "a" / "7.png").write_text("no image")
    (many / "b" / "empty.jpg").touch()
    listing = list_images(many)
    assert len(names(listing)) == 399
    assert "a/7.png" not in names(listing)
    text = caplog.text.replace(os.sep, "/")
    assert text.count("a/7.png") == 1
    assert text.count("b/empty.jpg") == 1
    assert "2 of 401 images are left out" in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_each_odd_file_is_named_on_one_line_with_the_reason(many, caplog, monkeypatch):
    monkeypatch.setattr("paddle_alexnet.data.folder.MAX_BAD_FRACTION", 0.1)
    read = folder_module.read_file

    def read_file(path):  # tests may run as root, who may read everything
        if path == str(many / "a" / "3.png"):
            raise Unreadable("Permission denied")
        return read(path)

    monkeypatch.setattr(folder_module, "read_file", read_file)
    odd = {
        "a/0.png": "empty file",
        "a/1.png": "not a regular file",
        "a/2.png": "symbolic links",
        "a/3.png": "Permission denied",
        "a/4.png": "cut off",
        "a/5.png": "claims 60000 x 60000 pixels, more than the 120,000,000",
        "a/new\\nline\\x1b[31m.png": "not an image",
        "a/\\udcff.png": "No such file",
    }
    whole = (many / "a" / "4.png").read_bytes()
    for i in range(6):
        (many / "a" / f"{i}.png").unlink()
    (many / "a" / "0.png").touch()
    os.mkfifo(many / "a" / "1.png")
    (many / "a" / "2.png").symlink_to("2.png")
    (many / "a" / "3.png").write_bytes(whole)
    (many / "a" / "4.png").write_bytes(whole[:-20])
    (many / "a" / "5.png").write_bytes(claiming("png", 60_000, 60_000))
    (many / "a" / "new\nline\u001b[31m.png").write_text("no image")
    os.symlink("nowhere", os.fsencode(many / "a") + b"/\xff.png")
    got = names(list_images(many))
    assert {n for n in got if n.startswith("a/")} == {f"a/{i}.png" for i in range(6, 200)}
    lines = [record.getMessage() for record in caplog.records]
    assert not any("\n" in line or "\x1b" in line for line in lines)
    for name, reason in odd.items():
        (line,) = [line for line in lines if line.endswith(f"{name}'")]
        assert line.startswith("left out, ")
        assert reason in line
    assert "8 of 402 images are left out" in lines[-1]


def test_a_lower_limit_of_pixels(many):
    with pytest.raises(
        DataError, match=r"400 of 400 .*0\.png \(claims 4 x 4 pixels, more than the 15"
    ):
        list_images(many, max_pixels=15)
    assert len(names(list_images(many, max_pixels=16))) == 400


def test_a_class_name_that_is_not_utf8(tmp_path, rng, write_png):
    write_png(tmp_path / os.fsdecode(b"\xff\xfe") / "1.png", rng)
    with pytest.raises(DataError, match=r"udcff.*must be UTF-8.*rename"):
        list_images(tmp_path)


def test_a_folder_that_cannot_be_read(many, monkeypatch):
    scan = os.scandir

    def scandir(folder):
        if str(folder).endswith("b"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"cannot read .*b': Permission denied; change"):
        list_images(many)


@pytest.mark.slow
def test_a_hundred_thousand_files(tmp_path):
    """Different images of one pixel, in 10 classes."""
    for label in range(10):
        folder = tmp_path / str(label)
        folder.mkdir()
        for i in range(10_000):
            (folder / f"{i}.ppm").write_bytes(
                b"P6 1 1 255 " + (label * 10_000 + i).to_bytes(3, "big")
            )
    listing = list_images(tmp_path)
    assert [len(listing.splits[split]) for split in ("train", "val", "test")] == [
        sum(hash_split(f"{i}.ppm") == split for i in range(10_000)) * 10
        for split in ("train", "val", "test")
    ]


def test_over_one_percent_stops_with_the_list(many):
    for i in range(5):
        (many / "a" / f"{i}.png").write_text("no image")
    with pytest.raises(DataError, match=r"5 of 400 .*a.0\.png.*a.4\.png"):
        list_images(many)


def test_the_bound_can_be_moved(many, tmp_path):
    """In a folder of fewer than 100 images one exceeds 1 %."""
    for i in range(4):
        (many / "a" / f"{i}.png").write_text("no image")
    assert len(names(list_images(many))) == 396  # exactly 1 % is accepted
    (many / "a" / "4.png").write_text("no image")
    with pytest.raises(DataError, match=r"over 0\.01 of them; .*data\.max_unusable=0\.013 "):
        list_images(many)
    assert len(names(list_images(many, max_unusable=0.0125))) == 395
    assert len(copy_split(many, tmp_path / "out", max_unusable=1).select("all")) == 395


def test_copies_in_a_class_are_kept_once_and_never_in_two_splits(many, caplog):
    val = next(f"{i}.png" for i in range(200) if hash_split(f"{i}.png") == "val")
    twin = next(n for n in (f"x{i}.png" for i in range(99)) if hash_split(n) == "train")
    early = next(n for n in (f"0{i}x.png" for i in range(99)) if hash_split(n) == "val")
    shutil.copy(many / "a" / val, many / "a" / twin)
    shutil.copy(many / "a" / val, many / "a" / early)
    got = names(list_images(many))
    kept = [n for n in (val, twin, early) if f"a/{n}" in got]
    assert kept == [early]  # val before train, then the first by name
    assert "2 images are left out as copies" in caplog.text
    assert twin in caplog.text


def test_an_image_under_two_classes_is_reported_and_left_out(many, caplog):
    shutil.copy(many / "a" / "1.png", many / "b" / "other.png")
    got = names(list_images(many))
    assert not {"a/1.png", "b/other.png"} & got.keys()
    assert len(got) == 399
    (record,) = [r for r in caplog.records if "several classes" in r.getMessage()]
    assert record.levelno == logging.WARNING
    assert "1.png" in record.getMessage()
    assert "other.png" in record.getMessage()


def test_labels_by_other_classes(many):
    listing = list_images(many).relabeled(["b", "c", "a"])
    assert set(names(listing).values()) == {0, 2}
    assert names(listing)["a/0.png"] == 2
    with pytest.raises(DataError, match="do not know: 'b'; they know: 'a', 'c'"):
        list_images(many).relabeled(["a", "c"])


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        list_images(tmp_path / "no")
    with pytest.raises(DataError, match="holds no images"):
        list_images(tmp_path)


def test_the_message_for_a_split_without_val_says_what_to_do(tmp_path, rng, write_png):
    for name in ("train/a/1.png", "train/b/2.png"):
        write_png(tmp_path / name, rng)
    with pytest.raises(DataError, match=r"split val \(train 2, val 0, test 0\): put some in .*val"):
        list_images(tmp_path).select("val")


def test_classes_of_weights_that_know_numbers_only(many):
    with pytest.raises(DataError, match=r"they know: '0', '1'; tools/convert\.py --classes"):
        list_images(many).relabeled(["0", "1"])


def below(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_copy_split_copies_a_fraction_of_each_class(flowers, tmp_path):
    done = copy_split(flowers, tmp_path / "out", val_rate=0.25, seed=3)
    got = below(tmp_path / "out")
    assert len(got) == 60
    for species in done.classes:
        assert sum(name.startswith(f"val/{species}/") for name in got) == 3
    source = below(flowers)
    for name, data in got.items():
        assert source[name.split("/", 1)[1]] == data
    again = copy_split(flowers, tmp_path / "again", val_rate=0.25, seed=3)
    assert done.splits == again.splits
    listing = list_images(tmp_path / "out")
    assert len(listing.select("val")) == 15
    # The same draw as data.split=random makes in place.
    assert done.splits == list_images(flowers, SplitRule("random", 0.25, 3)).splits


def test_copy_split_copies_licenses(tmp_path, flowers, write_png):
    shutil.copytree(flowers, tmp_path / "src")
    (tmp_path / "src" / "LICENSE.txt").write_text("CC BY")
    (tmp_path / "src" / "LICENSES").mkdir()
    copy_split(tmp_path / "src", tmp_path / "out")
    assert (tmp_path / "out" / "LICENSE.txt").read_text() == "CC BY"


def test_copy_split_refuses(flowers, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    (tmp_path / "file").touch()
    for source, target, rate, words in (
        (flowers, tmp_path / "full", 0.1, "left as it is"),
        (flowers, tmp_path / "file", 0.1, "left as it is"),
        (flowers, flowers / "out", 0.1, "lies within"),
        (flowers, tmp_path / "out", 1.5, "--val-rate"),
        (tmp_path / "no", tmp_path / "out", 0.1, "not a folder"),
    ):
        with pytest.raises((ConfigError, DataError), match=words):
            copy_split(source, target, val_rate=rate)
    assert (tmp_path / "full" / "mine.txt").read_text() == "precious"
    assert not (tmp_path / "out").exists()
    copy_split(flowers, tmp_path / "out")
    with pytest.raises(DataError, match="split already"):
        copy_split(tmp_path / "out", tmp_path / "twice")


def test_a_class_all_of_whose_images_are_left_out_is_named(many, caplog):
    (many / "c").mkdir()
    shutil.copy(many / "a" / "0.png", many / "c" / "0.png")
    assert list_images(many).classes == ["a", "b"]
    assert "no image is left of the class 'c'" in caplog.text


def test_weights_whose_classes_have_one_name(many):
    with pytest.raises(DataError, match="several classes of one name: 'a'"):
        list_images(many).relabeled(["a", "b", "a"])

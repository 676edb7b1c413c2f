"""Small copies of a folder: complete, resumable, and never of an outdated image."""

import json
import os
import shutil
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.data import resize as resize_module
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.resize import SETTINGS_NAME, ResizeSettings, resize_images
from paddle_alexnet.data.transforms import resize
from paddle_alexnet.errors import DataError, RunError
from tests.odd_files import claiming, encoded

SMALL = ResizeSettings(24, 95)
SMOOTH = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8), (60, 48))


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def source(tmp_path):
    """Old enough, as a folder of images usually is, that no file system's clock is too coarse."""
    root = tmp_path / "src"
    write(root / "train" / "a" / "1.jpg", encoded(SMOOTH, "jpeg", quality=95))
    write(root / "train" / "b" / "花 2.png", encoded(SMOOTH, "png"))
    write(root / "val" / "a" / "deep" / "3.webp", encoded(SMOOTH, "webp", lossless=True))
    write(root / "val" / "a" / "4.gif", encoded(SMOOTH, "gif"))
    write(root / "val" / "b" / "small.jpg", encoded(SMOOTH[:24], "jpeg"))
    write(root / "LICENSE", b"CC BY")
    write(root / "train.txt", b"train/a/1.jpg 0\n")
    write(root / ".hidden" / "5.png", encoded(SMOOTH, "png"))
    write(root / "archive.tar", b"not copied")
    time.sleep(0.02)
    return root


def content(folder):
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != SETTINGS_NAME
    }


def counts(report):
    return *(report.counts[word] for word in ("resized", "copied", "skipped")), len(report.bad)


def test_images_become_small_and_keep_their_places(source, tmp_path):
    before = content(source)
    report = resize_images(source, tmp_path / "dst", SMALL)
    assert counts(report) == (4, 3, 0, 0)
    assert content(source) == before
    got = content(tmp_path / "dst")
    assert got.keys() == before.keys() - {".hidden/5.png", "archive.tar"}
    for name in ("LICENSE", "train.txt", "val/b/small.jpg"):
        assert got[name] == before[name]
    want = resize(SMOOTH, 24, 30)
    for name in ("train/b/花 2.png", "val/a/deep/3.webp", "val/a/4.gif", "train/a/1.jpg"):
        image = read_image(tmp_path / "dst" / name)
        assert image.shape == (24, 30, 3)
        assert np.abs(image.astype(int) - want).mean() < 10
    np.testing.assert_array_equal(read_image(tmp_path / "dst" / "train/b/花 2.png"), want)
    kinds = {name: Image.open(tmp_path / "dst" / name).format for name in got if name[:2] != "LI"
             and not name.endswith(".txt")}  # fmt: skip
    assert kinds == {
        "train/a/1.jpg": "JPEG",
        "train/b/花 2.png": "PNG",
        "val/a/deep/3.webp": "WEBP",
        "val/a/4.gif": "PNG",
        "val/b/small.jpg": "JPEG",
    }


def test_exif_orientation_is_applied_once(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / "src" / "a" / "1.jpg", encoded(SMOOTH, "jpeg", exif=exif, quality=95))
    resize_images(tmp_path / "src", tmp_path / "dst", SMALL)
    got = read_image(tmp_path / "dst" / "a" / "1.jpg").astype(int)
    want = resize(np.ascontiguousarray(np.rot90(SMOOTH, -1)), 30, 24)
    assert got.shape == want.shape
    assert np.abs(got - want).mean() < 10


@pytest.mark.parametrize("workers", [0, 2])
def test_processes_give_the_same_files(source, tmp_path, workers, monkeypatch):
    monkeypatch.setattr(resize_module, "CHUNK", 1)
    resize_images(source, tmp_path / "one", SMALL)
    resize_images(source, tmp_path / "two", SMALL, workers=workers)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_second_call_does_only_what_is_missing(source, tmp_path):
    resize_images(source, tmp_path / "dst", SMALL)
    want = content(tmp_path / "dst")
    made = {path: path.stat().st_ino for path in (tmp_path / "dst").rglob("*.*")}
    assert counts(resize_images(source, tmp_path / "dst", SMALL)) == (0, 0, 7, 0)
    assert {path: path.stat().st_ino for path in (tmp_path / "dst").rglob("*.*")} == made
    (tmp_path / "dst" / "train" / "a" / "1.jpg").unlink()
    assert counts(resize_images(source, tmp_path / "dst", SMALL)) == (1, 0, 6, 0)
    assert content(tmp_path / "dst") == want


def test_what_was_interrupted_is_completed(source, tmp_path, monkeypatch):
    """A process that is killed leaves a file beside its place, never at it."""
    resize_images(source, tmp_path / "want", SMALL)
    want, written = content(tmp_path / "want"), []
    whole = resize_module.write_whole

    def killed(path, write):
        if len(written) == 3:
            write(os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.1.part"))
            raise KeyboardInterrupt
        written.append(path)
        whole(path, write)

    monkeypatch.setattr(resize_module, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        resize_images(source, tmp_path / "dst", SMALL)
    assert len(list((tmp_path / "dst").rglob(".*.part"))) == 1
    monkeypatch.undo()
    report = resize_images(source, tmp_path / "dst", SMALL)
    assert report.counts["skipped"] == 3
    assert content(tmp_path / "dst") == want  # and no half-written file is left


def other_time(path):
    write(path, encoded(SMOOTH[::-1], "jpeg"))
    os.utime(path, ns=(1, 1))


def same_time(path):
    """As of an archive that gives all files one time."""
    before = path.stat()
    time.sleep(0.02)
    write(path.with_name("new"), encoded(SMOOTH[::-1], "jpeg"))
    os.utime(path.with_name("new"), ns=(before.st_atime_ns, before.st_mtime_ns))
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [other_time, same_time])
def test_a_source_that_changed_is_done_again(source, tmp_path, change):
    resize_images(source, tmp_path / "dst", SMALL)
    change(source / "train" / "a" / "1.jpg")
    assert counts(resize_images(source, tmp_path / "dst", SMALL)) == (1, 0, 6, 0)
    got = read_image(tmp_path / "dst" / "train" / "a" / "1.jpg").astype(int)
    assert np.abs(got - resize(SMOOTH[::-1].copy(), 24, 30)).mean() < 10


def test_a_damaged_copy_is_done_again(source, tmp_path):
    resize_images(source, tmp_path / "dst", SMALL)
    want = content(tmp_path / "dst")
    path = tmp_path / "dst" / "train" / "a" / "1.jpg"
    path.write_bytes(path.read_bytes()[:50])
    resize_images(source, tmp_path / "dst", SMALL)
    assert content(tmp_path / "dst") == want


def test_files_that_cannot_be_decoded_are_named_and_left_out(source, tmp_path):
    resize_images(source, tmp_path / "dst", SMALL)
    write(source / "train" / "a" / "1.jpg", b"no image")
    write(source / "train" / "a" / "huge.png", claiming("png", 60_000, 60_000))
    (source / "train" / "b" / "gone.jpg").symlink_to("nowhere")
    report = resize_images(source, tmp_path / "dst", SMALL)
    bad = {os.path.relpath(path, source).replace(os.sep, "/"): why for path, why in report.bad}
    assert bad.keys() == {"train/a/1.jpg", "train/a/huge.png", "train/b/gone.jpg"}
    assert "claims 60000 x 60000" in bad["train/a/huge.png"]
    assert not (tmp_path / "dst" / "train" / "a" / "1.jpg").exists()  # was of another content


def test_links_to_folders_are_followed_but_not_in_circles(source, tmp_path):
    shutil.move(source / "train" / "b", tmp_path / "elsewhere")
    (source / "train" / "b").symlink_to(tmp_path / "elsewhere")
    (source / "train" / "up").symlink_to(source)
    (source / "train" / "self").symlink_to("self")
    resize_images(source, tmp_path / "dst", SMALL)
    got = content(tmp_path / "dst")
    assert len(got) == 7
    assert "train/b/花 2.png" in got


def test_what_is_refused(source, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    resize_images(source, tmp_path / "dst", SMALL)
    (tmp_path / "link").symlink_to(source)
    for where, into, settings, words in (
        (tmp_path / "no", tmp_path / "new", SMALL, "not a folder"),
        (source, source / "small", SMALL, "lies within"),
        (source, source, SMALL, "lies within"),
        (source, tmp_path / "link" / "small", SMALL, "lies within"),
        (source, tmp_path / "full", SMALL, "left as it is"),
        (source, tmp_path / "full" / "mine.txt", SMALL, "left as it is"),
        (source, tmp_path / "dst", ResizeSettings(25, 95), "other settings"),
        (source, tmp_path / "dst", ResizeSettings(24, 94), "other settings"),
    ):
        with pytest.raises(DataError, match=words):
            resize_images(where, into, settings)
    assert not (source / "small").exists()
    assert (tmp_path / "full" / "mine.txt").read_text() == "precious"
    assert json.loads((tmp_path / "dst" / SETTINGS_NAME).read_text())["short_side"] == 24


def test_images_of_12_bits_are_not_made_black(tmp_path, caplog):
    deep = SMOOTH.astype(np.uint16) * 16  # up to 4080
    write(tmp_path / "src" / "1.png", cv2.imencode(".png", deep[..., ::-1])[1].tobytes())
    resize_images(tmp_path / "src", tmp_path / "dark", SMALL)
    assert "exceeds 4095" in caplog.text and "--sample-bits 12" in caplog.text
    caplog.clear()
    resize_images(tmp_path / "src", tmp_path / "dst", ResizeSettings(24, 95, sample_bits=12))
    want = resize(SMOOTH, 24, 30).astype(int)
    assert np.abs(read_image(tmp_path / "dst" / "1.png") - want).max() <= 1
    assert not caplog.records


def test_a_folder_made_before_there_was_a_key_goes_on(source, tmp_path):
    resize_images(source, tmp_path / "dst", SMALL)
    (tmp_path / "dst" / SETTINGS_NAME).write_text('{"short_side": 24, "quality": 95}')
    assert counts(resize_images(source, tmp_path / "dst", SMALL)) == (0, 0, 7, 0)


def test_files_that_are_gone_are_named(source, tmp_path, caplog):
    resize_images(source, tmp_path / "dst", SMALL)
    (source / "train" / "a" / "1.jpg").unlink()
    resize_images(source, tmp_path / "dst", SMALL)
    assert "1.jpg" in caplog.text
    assert (tmp_path / "dst" / "train" / "a" / "1.jpg").exists()  # nothing is removed unasked


def die(*_):
    os._exit(1)


def test_a_process_that_dies_is_reported(source, tmp_path, monkeypatch):
    monkeypatch.setattr(resize_module, "_process", die)
    with pytest.raises(RunError, match="--workers"):
        resize_images(source, tmp_path / "dst", SMALL, workers=1)

"""Kept pictures: the same to the bit, within their bound, and nothing damaged is believed."""

import logging
import os
import pickle
import time

import numpy as np
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data import cache
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.cache import DiskCache, MemoryCache, open_cache, user_folder
from paddle_alexnet.data.decode import Unreadable, read_image
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import ColorJitter, Compose, RandomResizedCrop, random_flip
from paddle_alexnet.errors import ConfigError

TRANSFORM = Compose([RandomResizedCrop(16), random_flip, ColorJitter(0.3, hue=0.2)])
KEPT = 256 * 256 * 3  # bytes of a drawn flower


@pytest.fixture
def decoded(monkeypatch):
    """The paths that were decoded, as often as they were."""
    paths = []

    def read(path, *bounds):
        paths.append(path)
        return read_image(path, *bounds)

    monkeypatch.setattr(cache, "read_image", read)
    return paths


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    cache._room.cache_clear()


def entries(folder):
    return sorted(folder.glob("*.pixels"))


def batches_of(flowers, read, workers):
    """Two epochs of training and one of val, as arrays."""
    train = TrainingBatches(
        FlowerFolder(flowers, read=read), TRANSFORM, batch_size=16, seed=3, workers=workers
    )
    val = FlowerFolder(flowers, "val", Preprocessing(input_size=16, resize=18), read)
    whole = [*train.epoch(0), *train.epoch(1), *EvaluationBatches(val, batch_size=3)]
    return [part.numpy() for batch in whole for part in batch]


SOME = 20 * KEPT / 2**30  # GiB


@pytest.mark.parametrize(
    ("kind", "workers", "gib"),
    [("ram", 0, 1.0), ("ram", 0, SOME), ("disk", 0, 1.0), ("disk", 0, SOME), ("disk", 2, SOME)],
)
def test_batches_are_the_same(flowers, tmp_path, kind, workers, gib):
    """Also where only some of the pictures fit."""
    want = batches_of(flowers, read_image, 0)
    for _ in range(2):
        got = batches_of(flowers, open_cache(kind, gib, str(tmp_path)), workers)
        assert len(got) == len(want)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_each_is_decoded_once(flowers, tmp_path, decoded, kind):
    batches_of(flowers, open_cache(kind, 1.0, str(tmp_path)), 0)
    assert len(decoded) == len(set(decoded)) == 55  # 50 training pictures and 5 of val


def test_a_later_run_decodes_none(flowers, tmp_path, decoded):
    batches_of(flowers, open_cache("disk", 1.0, str(tmp_path)), 0)
    del decoded[:]
    batches_of(flowers, open_cache("disk", 1.0, str(tmp_path)), 0)
    assert decoded == []


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_the_bound_holds(flowers, tmp_path, decoded, kind):
    read = open_cache(kind, 10.5 * KEPT / 2**30, str(tmp_path))
    paths = [path for path, _ in FlowerFolder(flowers).samples]
    for _ in range(2):
        for path in paths:
            read(path)
    assert len(decoded) == 50 + 40
    if kind == "disk":
        assert sum(entry.stat().st_size for entry in entries(tmp_path)) < 10.5 * KEPT


def test_what_other_processes_write_is_counted(flowers, tmp_path):
    paths = [path for path, _ in FlowerFolder(flowers).samples]
    limit = 20 * KEPT
    ours, theirs = (cache._Room(str(tmp_path), limit) for _ in range(2))
    image = read_image(paths[0])
    for number in range(15):
        for name, room in (("ours", ours), ("theirs", theirs)):
            room.store(str(tmp_path / f"{name}{number}.pixels"), image)
    assert len(entries(tmp_path)) <= 20 + 1


def test_the_processes_that_decode_get_no_kept_pictures(flowers):
    read = MemoryCache(100 * KEPT)
    path, _ = FlowerFolder(flowers).samples[0]
    want = read(path)
    data = pickle.dumps(read)
    assert len(data) < 200
    np.testing.assert_array_equal(pickle.loads(data)(path), want)


def test_nobody_can_change_what_is_kept(flowers, tmp_path):
    path, _ = FlowerFolder(flowers).samples[0]
    for read in (MemoryCache(KEPT), DiskCache(str(tmp_path), 2 * KEPT)):
        read(path)
        with pytest.raises(ValueError, match="read-only"):
            read(path)[0, 0, 0] = 0


def damage_bit(data):
    return bytes([*data[:5000], data[5000] ^ 1, *data[5001:]])


@pytest.mark.parametrize(
    "damage",
    [damage_bit, lambda data: b"", lambda data: data[:-1], lambda data: bytes(len(data))],
    ids=["a bit", "empty", "cut", "zeros"],
)
def test_a_damaged_entry_is_decoded_and_written_anew(flowers, tmp_path, decoded, damage):
    path, _ = FlowerFolder(flowers).samples[0]
    read = DiskCache(str(tmp_path), 10 * KEPT)
    read(path)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    np.testing.assert_array_equal(read(path), read_image(path))
    assert len(decoded) == 2
    assert entry.read_bytes() == whole


def test_a_file_that_changes_is_another(tmp_path, write_png):
    path = tmp_path / "a" / "1.png"
    read = DiskCache(str(tmp_path), 10 * KEPT)
    for seed in range(2):
        write_png(path, np.random.default_rng(seed))
        os.utime(path, ns=(seed, seed))  # clocks of file systems are coarse
        np.testing.assert_array_equal(read(str(path)), read_image(path))
    path.unlink()
    with pytest.raises(Unreadable, match="No such file"):
        read(str(path))


def test_another_opencv_has_entries_of_its_own(flowers, tmp_path, monkeypatch, decoded):
    path, _ = FlowerFolder(flowers).samples[0]
    read = DiskCache(str(tmp_path), 10 * KEPT)
    read(path)
    monkeypatch.setattr(cache, "_build", lambda: "another")
    read(path)
    assert len(decoded) == len(entries(tmp_path)) == 2


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_what_is_no_picture_is_not_kept(tmp_path, kind):
    path = tmp_path / "a.png"
    path.write_text("no image")
    with pytest.raises(Unreadable):
        open_cache(kind, 1.0, str(tmp_path))(str(path))
    assert not entries(tmp_path)


@pytest.mark.parametrize("kind", ["none", "ram", "disk"])
def test_a_picture_that_is_too_large_is_not_decoded(flowers, tmp_path, kind):
    path = str(next(flowers.glob("daisy/*")))
    height, width = read_image(path).shape[:2]
    open_cache(kind, 1.0, str(tmp_path / "a"), height * width)(path)
    with pytest.raises(Unreadable, match=f"claims {width} x {height}"):
        open_cache(kind, 1.0, str(tmp_path / "b"), height * width - 1)(path)


def test_a_full_disk_is_said_once_and_leaves_nothing_half(flowers, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", fail)
    read = DiskCache(str(tmp_path), 100 * KEPT)
    for path, _ in FlowerFolder(flowers).samples[:3]:
        np.testing.assert_array_equal(read(path), read_image(path))
    (record,) = caplog.records
    assert str(tmp_path) in record.getMessage()
    assert "No space left" in record.getMessage()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_goes_is_no_reason_to_stop(flowers, tmp_path, caplog):
    folder = tmp_path / "kept"
    read = open_cache("disk", 1.0, str(folder))
    folder.rmdir()
    path, _ = FlowerFolder(flowers).samples[0]
    np.testing.assert_array_equal(read(path), read_image(path))
    assert "No such file" in caplog.text


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"data\.cache_dir: cannot use .*file"):
        open_cache("disk", 1.0, str(tmp_path / "file" / "kept"))


def test_the_users_folder(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    caplog.set_level(logging.INFO)
    open_cache("disk", 3.0)
    assert (tmp_path / "paddle-alexnet" / "pictures").is_dir()
    assert "0.00 of 3 GiB" in caplog.text
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")
    assert user_folder() == os.path.join("/home/somebody", ".cache", "paddle-alexnet", "pictures")


def test_what_killed_processes_were_writing_goes_in_time(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    names = {
        "old": f"{'0' * 32}.pixels.12.34.part",
        "young": f"{'1' * 32}.pixels.12.34.part",  # a process that writes it lives, perhaps
        "entry": f"{'2' * 32}.pixels",
        "thesis": "thesis.part",
    }
    for name in names.values():
        (tmp_path / name).write_bytes(b"x" * 1000)
    day_ago = time.time() - 86400
    for name in ("old", "entry", "thesis"):
        os.utime(tmp_path / names[name], (day_ago, day_ago))
    open_cache("disk", 1.0, str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {*names.values()} - {names["old"]}


def test_a_process_that_slept_while_it_wrote_goes_on(flowers, tmp_path, monkeypatch, caplog):
    """Its file was taken away as that of a killed one."""
    path, _ = FlowerFolder(flowers).samples[0]
    replace = os.replace

    def slow(beside, entry):
        os.utime(beside, (0, 0))
        open_cache("disk", 1.0, str(tmp_path))
        replace(beside, entry)

    monkeypatch.setattr(cache.os, "replace", slow)
    np.testing.assert_array_equal(DiskCache(str(tmp_path), 10 * KEPT)(path), read_image(path))
    assert "no longer kept" in caplog.text
    assert not list(tmp_path.iterdir())

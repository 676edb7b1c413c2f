"""Files are whole or not there."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from paddle_alexnet.errors import RunError
from paddle_alexnet.storage.files import whole_folder, write_text, write_whole


def test_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "first")
    write_text(path, "second 花")
    assert path.read_text(encoding="utf-8") == "second 花"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "good")

    def fail(name):
        Path(name).write_text("half")
        raise OSError("disk full")

    with pytest.raises(RunError, match=r"a\.txt.*disk full"):
        write_whole(path, fail)
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_no_such_folder(tmp_path):
    with pytest.raises(RunError, match="cannot write"):
        write_text(tmp_path / "no" / "a.txt", "x")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_others_may_read_what_the_usual_mode_lets_them(tmp_path):
    (tmp_path / "usual").touch()

    def secretive(name):
        Path(name).unlink()
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))

    write_whole(tmp_path / "ours", secretive)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with whole_folder(tmp_path / "deep" / "new") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "new").exists()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["new"]
    assert (tmp_path / "deep" / "new" / "a.txt").read_text() == "a"


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    def fail():
        with whole_folder(tmp_path / "new") as folder:
            (folder / "a.txt").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken_and_a_full_one_left(tmp_path):
    (tmp_path / "new").mkdir()
    for _ in range(2):
        with contextlib.suppress(FileExistsError), whole_folder(tmp_path / "new") as folder:
            (folder / "a.txt").write_text(folder.name)
    assert (tmp_path / "new" / "a.txt").read_text().startswith(".new.")
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "new"):
        pass


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(RunError, match="it is a folder"):
        write_text(tmp_path, "x")
    with pytest.raises(RunError, match="there is no folder"):
        write_text(tmp_path / "no" / "a.txt", "x")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_what_is_no_text_becomes_an_escape(tmp_path):
    write_text(tmp_path / "a.json", json.dumps(os.fsdecode(b"\xff") + "花", ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == "\udcff花"


def test_stopped_while_writing(tmp_path):
    def stopped(name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.txt", stopped)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a device that is full")
def test_a_device_that_refuses_is_said():
    with pytest.raises(RunError, match=r"cannot write /dev/full"):
        write_text("/dev/full", "x" * 100_000)


@pytest.mark.skipif(os.name == "nt", reason="Windows counts characters")
def test_the_longest_names(tmp_path):
    for name in ("a" * 255, "花" * 85):
        write_text(tmp_path / name, name)
        assert (tmp_path / name).read_text("utf-8") == name
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(RunError, match="too long"):
        write_text(tmp_path / ("a" * 256), "x")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such call for folders")
def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """Every file and folder in it, then the name; seen at the calls, as no power is cut here."""
    seen = []
    sync, rename = os.fsync, Path.rename

    def note_sync(handle):
        sync(handle)
        seen.append(os.fstat(handle).st_ino)

    def note_rename(path, target):
        seen.append("renamed")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    with whole_folder(tmp_path / "new") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("a")
        (folder / "b.txt").write_text("b")
        (folder / "b.txt").chmod(0o400)
    new = tmp_path / "new"
    inside = {path.stat().st_ino for path in (new, *new.rglob("*"))}
    at = seen.index("renamed")
    assert set(seen[:at]) == inside and len(inside) == 4
    assert seen[at + 1 :] == [tmp_path.stat().st_ino]

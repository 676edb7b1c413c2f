"""Reading with limits; files that are complete or not there."""

import contextlib
import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from paddle_alexnet.errors import RunError
from paddle_alexnet.storage.files import (
    parse_json,
    parse_strict,
    read_text,
    whole_folder,
    write_text,
    write_whole,
)


def test_json_of_every_kind():
    value = {"a": [1, 2.5, None, True, "雏菊"], "b": {"a": {}}}
    assert parse_json(json.dumps(value)) == value
    assert math.isnan(parse_json("NaN"))


NOT_JSON = [
    ('{"a": 1, "b": 2, "a": 1}', "'a'.*twice"),
    ('[{"x": {"a": 1, "a": 1}}]', "twice"),
    ("[" * 100_000, "nested too deeply"),
    ('{"a":' * 100_000, "nested too deeply"),
    ("9" * 5000, "digits"),
    ("[1,]", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "words"), NOT_JSON)
@pytest.mark.parametrize("parse", [parse_json, lambda text: parse_strict(object, text)])
def test_refused_json(text, words, parse):
    with pytest.raises(ValueError, match=words):
        parse(text)


@dataclasses.dataclass
class Inner:
    loss: float = 0.0


@dataclasses.dataclass
class Outer:
    step: Annotated[int, Field(ge=0)]
    name: str | None = None
    inner: Inner = dataclasses.field(default_factory=Inner)
    sizes: tuple[int, ...] = ()

    def __post_init__(self):
        if self.step == 13:
            raise ValueError("13 brings bad luck")


def test_strict_json_of_a_dataclass():
    assert parse_strict(Outer, '{"step": 3}') == Outer(3)
    full = Outer(7, "雏菊", Inner(0.5), (1, 2))
    assert parse_strict(Outer, json.dumps(dataclasses.asdict(full))) == full
    # An int may stand for a float, as JSON does not tell them apart.
    assert type(parse_strict(Outer, '{"step": 1, "inner": {"loss": 2}}').inner.loss) is float
    assert parse_strict(dict[str, int], '{"a": 9223372036854775807}') == {"a": 2**63 - 1}
    assert math.isnan(parse_strict(float, "NaN", allow_nan=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *((f'{{"step": {value}}}', "step") for value in ("true", "1.0", '"1"', "null", "[1]", -1)),
        *((f'{{"step": 1, "inner": {{"loss": {v}}}}}', "loss") for v in ("true", '"1"', "null")),
        *((f'{{"step": 1, "inner": {{"loss": {v}}}}}', v) for v in ("NaN", "-Infinity", "1e999")),
        ('{"step": 9223372036854775808}', "64 bits"),
        ('{"step": 1, "inner": {"loss": -9223372036854775809}}', "64 bits"),
        ('{"step": 1, "other": 2}', "other"),
        ('{"step": 1, "inner": {"loss": 1, "other": 2}}', "inner.other"),
        ('{"step": 1, "step": 2}', "twice"),
        ('{"step": 1, "name": 2}', "name"),
        ('{"step": 1, "inner": [0.5]}', "inner"),
        ('{"step": 1, "sizes": [true]}', "sizes"),
        ('{"step": 13}', "13"),
        ("{}", "step"),
        ("[]", "object"),
    ],
)
def test_strict_json_names_what_is_wrong(text, words):
    with pytest.raises(ValueError, match=words):
        parse_strict(Outer, text)


def test_messages_about_strict_json_are_short_and_printable():
    key = "\x1b[31m\n" * 10**5
    with pytest.raises(ValueError, match="integer") as caught:
        parse_strict(dict[str, int], json.dumps({key: "x" * 10**6}))
    assert len(str(caught.value)) < 1000 and str(caught.value).isprintable()


def test_texts_have_a_largest_size(tmp_path):
    (tmp_path / "a").write_text("花" * 3, encoding="utf-8")
    assert read_text(tmp_path / "a", 9) == "花花花"
    with pytest.raises(ValueError, match="larger than 8 bytes"):
        read_text(tmp_path / "a", 8)
    (tmp_path / "a").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "a")


def test_a_file_is_replaced_without_leftovers(tmp_path):
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


def test_a_missing_folder(tmp_path):
    with pytest.raises(RunError, match="cannot write"):
        write_text(tmp_path / "no" / "a.txt", "x")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_files_get_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()

    def write_private(name):
        Path(name).unlink()
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))

    write_whole(tmp_path / "ours", write_private)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with whole_folder(tmp_path / "deep" / "new") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "new").exists()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["new"]
    assert (tmp_path / "deep" / "new" / "a.txt").read_text() == "a"


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_a_folder_has_the_usual_mode(tmp_path):
    tmp_path.chmod(0o1777)  # as /tmp
    (tmp_path / "usual").mkdir()
    (tmp_path / "private").mkdir(0o700)
    for name in ("new", "private"):
        with whole_folder(tmp_path / name):
            pass
    modes = {path.name: path.stat().st_mode & 0o7777 for path in tmp_path.iterdir()}
    assert modes["new"] == modes["usual"] and modes["private"] == 0o700


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    def fail():
        with whole_folder(tmp_path / "new") as folder:
            (folder / "a.txt").write_text("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_replaced_and_a_full_one_kept(tmp_path):
    (tmp_path / "new").mkdir()
    for _ in range(2):
        with contextlib.suppress(FileExistsError), whole_folder(tmp_path / "new") as folder:
            (folder / "a.txt").write_text(folder.name)
    assert (tmp_path / "new" / "a.txt").read_text().startswith(".new.")
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "new"):
        pass


def test_a_target_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match="it is a folder"):
        write_text(tmp_path, "x")
    with pytest.raises(RunError, match="there is no folder"):
        write_text(tmp_path / "no" / "a.txt", "x")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes")
def test_a_pipe_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_lone_surrogates_become_escapes(tmp_path):
    write_text(tmp_path / "a.json", json.dumps(os.fsdecode(b"\xff") + "花", ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == "\udcff花"


def test_an_interrupt_while_writing_leaves_nothing(tmp_path):
    def stopped(name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.txt", stopped)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_a_device_that_refuses():
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


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot sync folders")
def test_a_folder_is_synced_before_it_is_renamed(tmp_path, monkeypatch):
    """Every file and folder in it, then the name: the order of the calls, without a power cut."""
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

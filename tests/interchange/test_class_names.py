"""Class names out of a file."""

import json

import pytest

from paddle_alexnet.data.list_files import read_class_names
from paddle_alexnet.errors import DataError


def test_both_forms(tmp_path):
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
def test_an_index_that_is_none(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json"):
        read_class_names(tmp_path / "a.json")


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xff\xfe"])
def test_lines_that_are_no_names(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.txt"):
        read_class_names(tmp_path / "a.txt")


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_class_names(tmp_path / "a.txt")

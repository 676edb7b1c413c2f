"""JSON of strangers."""

import json
import math

import pytest

from paddle_alexnet.storage.files import parse_json, read_text


def test_what_json_is():
    value = {"a": [1, 2.5, None, True, "雏菊"], "b": {"a": {}}}
    assert parse_json(json.dumps(value)) == value
    assert math.isnan(parse_json("NaN"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "'a' stands there twice"),
        ('[{"x": {"a": 1, "a": 1}}]', "twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 5000, "digits"),
        ("[1,]", "Expecting"),
        ("", "Expecting"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_json(text)


def test_texts_have_a_largest_size(tmp_path):
    (tmp_path / "a").write_text("花" * 3, encoding="utf-8")
    assert read_text(tmp_path / "a", 9) == "花花花"
    with pytest.raises(ValueError, match="larger than 8 bytes"):
        read_text(tmp_path / "a", 8)
    (tmp_path / "a").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "a")

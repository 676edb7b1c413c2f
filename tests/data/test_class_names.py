"""Class names in files: their forms, their order, and names that would be confused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_alexnet.data.class_names import class_index, read_class_names, warn_of_look_alikes
from paddle_alexnet.errors import DataError


def read(tmp_path, text, name="names.txt"):
    (tmp_path / name).write_bytes(text.encode())
    return read_class_names(tmp_path / name)


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


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2 tulips\n0 daisy\n1 roses\n", ["daisy", "roses", "tulips"]),
        ("1\tred rose\r\n0\tdaisy\r\n", ["daisy", "red rose"]),
        ("0: daisy\n1: 7 up\n", ["daisy", "7 up"]),
        ("\ufeffdaisy\nroses", ["daisy", "roses"]),
        ("\ufeff0 daisy\n1 roses", ["daisy", "roses"]),
        ("n01440764 tench\nn01443537 goldfish\n", ["n01440764 tench", "n01443537 goldfish"]),
        ("0\n1\n2\n", ["0", "1", "2"]),
        ("100 grand\n3 musketeers\n", ["100 grand", "3 musketeers"]),
        ("0 daisy\nroses\n", ["0 daisy", "roses"]),
    ],
)
def test_names_are_read_by_their_numbers(tmp_path, text, want):
    assert read(tmp_path, text) == want


@given(st.permutations(range(7)))
@settings(deadline=None)
def test_in_any_order(tmp_path_factory, order):
    text = "".join(f"{label} class {6 - label}\n" for label in order)
    assert read(tmp_path_factory.mktemp("names"), text) == [f"class {6 - n}" for n in range(7)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 daisy\n2 roses\n3 tulips\n", "numbers 1 to 3: expected each of 0 to 2 once.* no 0"),
        ("0 daisy\n2 roses\n3 tulips\n", "no 1"),
        ("0 daisy\n1 roses\n1 tulips\n", "no 2"),
        ("daisy\nroses\ndaisy\n", r"'daisy' \(0, 2\); make them differ"),
        ("0 crane\n1 crane\n", r"'crane' \(0, 1\)"),
    ],
)
def test_names_that_give_no_order_or_are_doubled(tmp_path, text, words):
    with pytest.raises(DataError, match=rf"names\.txt.*{words}"):
        read(tmp_path, text)


def test_blank_lines_are_named(tmp_path, caplog):
    assert read(tmp_path, "daisy\n\nroses\n \n") == ["daisy", "roses"]
    assert "left out: line 2, 4" in caplog.text


@pytest.mark.parametrize(
    "pair",
    [
        ("Daisy", "daisy"), ("red rose", "red_rose"), ("caf\u00e9", "cafe\u0301"),
        ("rose", "r\u043ese"), ("rose", "ro\u200bse"), ("\uff52ose", "rose"), ("wOO", "w00"),
    ],
)  # fmt: skip
def test_look_alikes_are_named_as_they_are(pair, caplog):
    warn_of_look_alikes("here", ["other", *pair])
    assert f"here: classes whose names look alike: {pair[0]!a} and {pair[1]!a}" in caplog.text


def test_names_that_do_not_look_alike(caplog):
    warn_of_look_alikes(
        "here", ["rose", "roses", "ros\u00e9", "c++", "c#", "...", "___", "mail", "mall"]
    )
    assert not caplog.records


def test_numbers_in_another_order_are_doubted(tmp_path, caplog):
    assert read(tmp_path, "1\n0\n") == ["1", "0"]
    assert "not in the order of the labels" in caplog.text

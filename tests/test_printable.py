"""Text from files cannot imitate other output."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddle_alexnet.printable import printable, printable_lines, printable_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("雏菊 daisy é", "雏菊 daisy é"),
        ("a\u3000b", "a\u3000b"),  # the Chinese space
        ("two\nlines", r"two\nlines"),
        ("\x1b[31mred\x07", r"\u001b[31mred\u0007"),
        ("\x9b31m", r"\u009b31m"),  # the same in one character
        ("a\u202eb\u2066", r"a\u202eb\u2066"),  # right-to-left from here on
        ("\u2028\x00\udcff", r"\u2028\u0000\udcff"),
        ("\U000e0041", r"\udb40\udc41"),  # invisible letters
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_long_names_are_cut():
    assert printable_name("x" * 10**6) == "x" * 100 + "..."
    assert len(printable_name("\x00" * 10**6)) < 1000


def test_long_lines_are_cut():
    text = "x" * 10**6 + "\n\x1b" + "y" * 2000 + "\n" + "z" * 2000
    first, second, third = printable_lines(text).split("\n")
    assert first == "x" * 2000 + "..."
    assert second == r"\u001b" + "y" * 1999 + "..."
    assert third == "z" * 2000
    assert printable_lines("x" * 10**6, None) == "x" * 10**6


@given(st.text())
def test_one_line_and_nothing_that_moves_a_cursor(text):
    assert "\n" not in printable(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in printable(text))


@given(
    st.recursive(st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_uncut_json_keeps_its_meaning(value):
    text = printable_lines(json.dumps(value, indent=1, ensure_ascii=False), None)
    assert json.loads(text) == value

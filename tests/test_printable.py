"""Texts of others cannot show what is not there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddle_alexnet.printable import printable, printable_lines, printable_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("雏菊 daisy é", "雏菊 daisy é"),
        ("a\u3000b", "a\u3000b"),  # the blank of Chinese
        ("two\nlines", r"two\nlines"),
        ("\x1b[31mred\x07", r"\u001b[31mred\u0007"),
        ("\x9b31m", r"\u009b31m"),  # the same in one character
        ("a\u202eb\u2066", r"a\u202eb\u2066"),  # from here on written to the left
        ("\u2028\x00\udcff", r"\u2028\u0000\udcff"),
        ("\U000e0041", r"\udb40\udc41"),  # invisible letters
    ],
)
def test_what_is_shown(text, shown):
    assert printable(text) == shown


def test_long_names_are_cut():
    assert printable_name("x" * 10**6) == "x" * 100 + "..."
    assert len(printable_name("\x00" * 10**6)) < 1000


@given(st.text())
def test_one_line_and_nothing_that_moves_a_cursor(text):
    assert "\n" not in printable(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in printable(text))


@given(
    st.recursive(st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_json_keeps_its_meaning(value):
    text = printable_lines(json.dumps(value, indent=1, ensure_ascii=False))
    assert json.loads(text) == value

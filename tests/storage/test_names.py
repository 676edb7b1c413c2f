"""File names on a terminal."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_alexnet.storage.names import shown


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("a/雏菊 花.jpg", "a/雏菊 花.jpg"),
        ("a\u3000b", "a\u3000b"),  # the wide blank of Chinese text
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        (os.fsdecode(b"\xff.jpg"), r"\udcff.jpg"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),  # turns the direction of writing
        ("\u2028", r"\u2028"),
    ],
)
def test_names(name, want):
    assert shown(name) == want


@settings(deadline=None)
@given(st.text())
def test_any_name_is_one_line_of_text(name):
    line = shown(name)
    assert len(line.splitlines()) <= 1
    line.encode()

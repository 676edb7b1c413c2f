"""The corrections of VisualDL's page against the installed one; test_browser.py sees them work."""

from pathlib import Path

import pytest
import visualdl

from paddle_alexnet.board.page import CORRECTIONS, correct, unfit

DIST = Path(visualdl.ROOT) / "server" / "dist"


def installed(name):
    return (DIST / name).read_text(encoding="utf-8")


def test_all_fit_the_installed_visualdl():
    assert unfit(installed) == []


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda c: c.cures)
def test_each_replaces_its_text(correction):
    before = installed(correction.file)
    after = correct(correction.file, before)
    assert correction.new in after
    assert correction.old not in after.replace(correction.new, "")


def test_one_that_does_not_fit_is_named_and_left_out():
    first = CORRECTIONS[0]

    def other(name):
        return installed(name).replace(first.old, "") if name == first.file else installed(name)

    assert unfit(other) == [first.cures]
    assert first.new not in correct(first.file, other(first.file))


def test_a_file_that_another_visualdl_does_not_have():
    assert set(unfit(lambda name: "")) == {correction.cures for correction in CORRECTIONS}

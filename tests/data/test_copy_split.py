"""The copying split."""

import pytest

from paddle_alexnet.data.copy_split import copy_split
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import ConfigError, DataError


def below(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_copies_a_share_of_each_class(flowers, tmp_path):
    done = copy_split(flowers, tmp_path / "out", val_rate=0.25, seed=3)
    got = below(tmp_path / "out")
    assert len(got) == 60
    for species in done.classes:
        assert sum(name.startswith(f"val/{species}/") for name in got) == 3
    source = below(flowers)
    for name, data in got.items():
        assert source[name.split("/", 1)[1]] == data
    again = copy_split(flowers, tmp_path / "again", val_rate=0.25, seed=3)
    assert done.splits == again.splits
    listing = list_images(tmp_path / "out")
    assert len(listing.select("val")) == 15
    # The same draw as data.split=random makes in place.
    assert done.splits == list_images(flowers, SplitRule("random", 0.25, 3)).splits


def test_the_license_goes_along(tmp_path, flowers, write_png):
    import shutil

    shutil.copytree(flowers, tmp_path / "src")
    (tmp_path / "src" / "LICENSE.txt").write_text("CC BY")
    copy_split(tmp_path / "src", tmp_path / "out")
    assert (tmp_path / "out" / "LICENSE.txt").read_text() == "CC BY"


def test_what_is_refused(flowers, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    (tmp_path / "file").touch()
    for source, target, rate, words in (
        (flowers, tmp_path / "full", 0.1, "left as it is"),
        (flowers, tmp_path / "file", 0.1, "left as it is"),
        (flowers, flowers / "out", 0.1, "lies within"),
        (flowers, tmp_path / "out", 1.5, "--val-rate"),
        (tmp_path / "no", tmp_path / "out", 0.1, "not a folder"),
    ):
        with pytest.raises((ConfigError, DataError), match=words):
            copy_split(source, target, val_rate=rate)
    assert (tmp_path / "full" / "mine.txt").read_text() == "precious"
    assert not (tmp_path / "out").exists()
    copy_split(flowers, tmp_path / "out")
    with pytest.raises(DataError, match="divided already"):
        copy_split(tmp_path / "out", tmp_path / "twice")

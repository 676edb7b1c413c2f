"""Which files are images by their names, what is litter, and what is counted as not looked at."""

import os

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import copy_split, list_images
from paddle_alexnet.data.resize import ResizeSettings, resize_images
from paddle_alexnet.data.tree import LITTER, SUFFIXES, Unseen, images_below, is_image_name
from paddle_alexnet.inference.predict import find_images
from tests.odd_files import encoded

WRITTEN_BY = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), "jpeg"),
    **dict.fromkeys(("bmp", "dib"), "bmp"),
    **dict.fromkeys(("tif", "tiff"), "tiff"),
    **dict.fromkeys(("ppm", "pgm", "pbm"), "ppm"),
    "jp2": "jpeg2000",
}
IMAGE = cv2.resize(np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8), (40, 32))


def image_of(suffix):
    kind = WRITTEN_BY.get(suffix, suffix)
    if suffix == "pbm":
        return b"P4 8 2\n\x0f\xf0", np.repeat(np.uint8([[[255]] * 4 + [[0]] * 4]), 3, axis=2)
    if suffix == "pgm":
        return encoded(IMAGE[..., 0], kind), np.repeat(IMAGE[..., :1], 3, axis=2)
    return encoded(IMAGE, kind), IMAGE


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_image_of_every_suffix(suffix, tmp_path):
    data, want = image_of(suffix)
    for name in ("a/1", "b/2"):
        path = tmp_path / f"{name}.{suffix.upper() if name == 'a/1' else suffix}"
        path.parent.mkdir()
        path.write_bytes(data if name == "a/1" else encoded(IMAGE[::-1], "png"))
    assert sum(map(len, list_images(tmp_path).splits.values())) == 2
    got = read_image(tmp_path / "a" / f"1.{suffix.upper()}")
    assert np.abs(got[: len(want)].astype(int) - want).mean() < 12  # AVIF's and JPEG's losses
    assert len(find_images([str(tmp_path)])) == 2


def test_the_list_of_suffixes():
    assert " ".join(SUFFIXES) == (
        "jpg jpeg jpe jfif png bmp dib webp tif tiff gif avif jp2 ppm pgm pbm"
    )


def test_names():
    assert all(map(is_image_name, ("a.jpg", "A.JPEG", "花.PnG", "x.tar.webp")))
    assert not any(map(is_image_name, ("a.txt", "jpg", "a.jpg.part", ".png", "._a.jpg", "a.hdr")))


@given(st.lists(st.text("ab./jpgné", min_size=1, max_size=8).map(lambda t: t.replace("/", "_"))))
@settings(max_examples=60, deadline=None)
def test_every_file_is_found_counted_or_litter(tmp_path_factory, names):
    root = tmp_path_factory.mktemp("tree")
    for place, name in enumerate(sorted(set(names) - {".", ".."})):
        (root / f"d{place % 3}").mkdir(exist_ok=True)
        (root / f"d{place % 3}" / name).touch()
    unseen = Unseen(root)
    found = images_below(str(root), unseen)
    files = [path for path in root.rglob("*") if path.is_file()]
    litter = [path for path in files if path.name.startswith(".")]
    counted = int(str(unseen).split()[0]) if str(unseen) else 0
    assert len(found) + counted + len(litter) == len(files)
    assert all(path.rpartition(".")[2].lower() in SUFFIXES for path in found)


@pytest.fixture
def littered(tmp_path, write_png):
    """24 images, with litter at every depth."""
    rng, root = np.random.default_rng(0), tmp_path / "root"
    for name in "ab":
        for number in range(12):
            write_png(root / name / ("deep" if number % 2 else "") / f"{number}.png", rng)
    for folder in (root, root / "a", root / "a" / "deep"):
        for name in LITTER - {"icon\r"}:
            write_png(folder / name.upper() / "thumb.png", rng)
        write_png(folder / ".hidden" / "1.png", rng)
        write_png(folder / "._1.png", rng)
    return root


def test_litter_is_passed_over_alike(littered, tmp_path, caplog):
    assert sum(map(len, list_images(littered).splits.values())) == 24
    assert sum(map(len, copy_split(littered, tmp_path / "split").splits.values())) == 24
    assert len([p for p in (tmp_path / "split").rglob("*") if p.is_file()]) == 24
    assert len(find_images([str(littered)])) == 24
    assert len(find_images([f"{littered}/**/*.png"])) == 24
    assert resize_images(littered, tmp_path / "small", ResizeSettings(8)).counts.total() == 24
    assert "not looked at" not in caplog.text


def test_what_is_not_looked_at_is_counted_in_one_line(littered, tmp_path, caplog):
    for name in ("a/deep/1.heic", "a/deep/2.HEIC", "b/raw/3.cr2", "b/none", "4.zip"):
        (littered / name).parent.mkdir(exist_ok=True)
        (littered / name).touch()
    for name in ("LICENSE.txt", "labels.csv"):
        (littered / name).touch()  # about the set
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (littered / "a" / "more").symlink_to(elsewhere)
    (littered / "a" / "back").symlink_to(littered)  # what it leads to is looked at
    list_images(littered)
    (line,) = [r.getMessage() for r in caplog.records if "not looked at" in r.getMessage()]
    assert "5 files and 1 linked folder in 5 places were not looked at: " in line
    assert "'a/deep' (2: .heic)" in line
    assert "'a/more' (a link)" in line
    caplog.clear()
    assert len(find_images([str(littered)])) == 24
    assert "7 files and 1 linked folder in 5 places" in caplog.text


def test_annotated_images_are_no_images_of_the_next_call(littered):
    (littered / "a" / "0.annotated.jpg").write_bytes(encoded(IMAGE, "jpeg"))
    assert len(find_images([str(littered)])) == 24
    assert find_images([f"{littered}/a/*.png", f"{littered}/a/*.jpg"][:1])
    own = str(littered / "a" / "0.annotated.jpg")
    assert find_images([own]) == [own]


def test_links_are_counted_where_they_lead_away(tmp_path):
    for name in ("in/a", "out"):
        (tmp_path / name).mkdir(parents=True)
    unseen = Unseen(tmp_path / "in")
    for name, target in (("up", ".."), ("self", "."), ("a2", "a"), ("away", "../out")):
        os.symlink(target, tmp_path / "in" / name)
    assert images_below(str(tmp_path / "in"), unseen) == []
    assert str(unseen) == "1 linked folder in 1 place was not looked at: 'away' (a link)"

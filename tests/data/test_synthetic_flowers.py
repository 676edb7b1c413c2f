"""Synthetic flowers: reproducible, and written completely."""

import numpy as np
import pytest

from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.sources import prepare
from paddle_alexnet.data.synthetic_flowers import SPECIES, draw_flower, draw_flower_folder
from paddle_alexnet.errors import DataError


def test_an_image_depends_on_species_number_and_seed():
    first = draw_flower("roses", 3)
    assert (first.dtype, first.shape) == (np.uint8, (256, 256, 3))
    np.testing.assert_array_equal(first, draw_flower("roses", 3))
    for other in (("roses", 4, 0), ("tulips", 3, 0), ("roses", 3, 1)):
        assert not np.array_equal(first, draw_flower(*other))


def test_colour_alone_does_not_give_the_species():
    """The nearest mean colour is right for fewer than half of the images; chance is a fifth."""
    means = np.array([[draw_flower(s, i).mean(axis=(0, 1)) for i in range(40)] for s in SPECIES])
    centers = means[:, :20].mean(axis=1)
    distance = np.linalg.norm(means[:, 20:, None] - centers, axis=3)
    right = distance.argmin(axis=2) == np.arange(len(SPECIES))[:, None]
    assert right.mean() < 0.5


def test_a_folder_of_jpegs(tmp_path):
    draw_flower_folder(tmp_path / "new" / "flowers", per_species=2)
    files = sorted((tmp_path / "new" / "flowers").glob("*/*"))
    assert [f.name for f in files[:3]] == ["daisy_000.jpg", "daisy_001.jpg", "dandelion_000.jpg"]
    assert len(files) == 10
    got = read_image(files[0]).astype(int)
    assert np.abs(got - draw_flower("daisy", 0)).mean() < 6  # JPEG


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="there already"):
        draw_flower_folder(tmp_path / "full", per_species=1)
    assert [p.name for p in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_prepare_draws_only_what_is_missing(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("paddle_alexnet.data.sources.draw_flower_folder", drawn.append)
    prepare(tmp_path, "drawn_flowers")
    prepare(tmp_path / "no", "none")
    assert drawn == []
    prepare(tmp_path / "no", "drawn_flowers")
    assert drawn == [tmp_path / "no"]


def test_prepare_fetches_only_to_the_usual_place(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(
        "paddle_alexnet.data.sources.fetch", lambda archive, root: fetched.append(root)
    )
    monkeypatch.chdir(tmp_path)
    prepare("data/flower_fotos", "flower_photos")
    assert fetched == []
    prepare("data/flower_photos", "flower_photos")
    assert fetched == ["data/flower_photos"]

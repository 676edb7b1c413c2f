"""Annotated images."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from visualdl import LogReader

from paddle_alexnet.errors import RunError
from paddle_alexnet.figures import captions
from paddle_alexnet.figures.figure4 import BAR
from paddle_alexnet.inference.annotate import AnnotatedOutput
from paddle_alexnet.inference.predict import Prediction


def prediction(name):
    return Prediction(name, [1, 0], [0.75, 0.25], ["tulip", "daisy"])


def test_files_and_board(tmp_path):
    image = np.full((100, 300, 3), (10, 200, 30), np.uint8)
    with AnnotatedOutput(tmp_path / "out", tmp_path / "log") as showing:
        showing.add(prediction("a/x.png"), image)
        showing.add(prediction("b/x.jpg"), image)
        showing.add(prediction("100%.jpg"), image)
        showing.add(prediction("x-2.jpg"), image)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        "100%.annotated.jpg",
        "x-2-2.annotated.jpg",
        "x-2.annotated.jpg",
        "x.annotated.jpg",
    ]
    got = cv2.imread(str(tmp_path / "out" / "x.annotated.jpg"))[..., ::-1].astype(int)
    assert got.shape[0] > 100  # the image, and a strip below
    assert np.abs(got[:95, :, :] - (10, 200, 30)).mean() < 6
    reader = LogReader(file_path=str(tmp_path / "log" / "vdlrecords.main.log"))
    assert len(reader.get_data("image", "infer/x")) == 1
    assert len(reader.get_data("image", "infer/100_")) == 1


def test_bars_are_as_long_as_the_scores(tmp_path, monkeypatch):
    """Of the best five; where no font can show a name, its number stands in its place."""
    monkeypatch.setattr(captions, "find_chinese_font", lambda: None)
    scores, names = [0.5, 0.2, 0.1, 0.08, 0.07, 0.05], ["雏菊", "b", "c", "d", "e", "f"]
    found = Prediction("x.png", [3, 1, 2, 0, 4, 5], scores, names)
    with AnnotatedOutput(tmp_path, None) as showing:
        assert showing.names_of(found)[:2] == ["class 3", "b"]
        showing.add(found, np.full((100, 480, 3), 90, np.uint8))
    got = cv2.imread(str(tmp_path / "x.annotated.jpg"))[..., ::-1].astype(int)
    pale = np.abs(got - BAR).max(axis=2) < 25
    lines = pale[100:].sum(axis=1)
    assert len(lines) == 5 * 30 + 10
    for place, score in enumerate(scores[:5]):
        assert lines[5 + 30 * place + 2] == pytest.approx(460 * score, abs=4)


def test_nothing_asked_for_nothing_written(tmp_path):
    with AnnotatedOutput(None, None) as showing:
        showing.add(prediction("x"), np.zeros((4, 4, 3), np.uint8))


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write to"):
        AnnotatedOutput(tmp_path / "file" / "below", None)


def test_a_image_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    image = np.zeros((40, 40, 3), np.uint8)
    with AnnotatedOutput(tmp_path, None) as showing:
        showing.add(prediction("x.png"), image)
    before = (tmp_path / "x.annotated.jpg").read_bytes()

    def half(path, data):
        with open(path, "wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with (
        AnnotatedOutput(tmp_path, None) as showing,
        pytest.raises(RunError, match=r"cannot write .*x\.annotated\.jpg: .*No space left"),
    ):
        showing.add(prediction("x.png"), image + 255)
    assert [path.name for path in tmp_path.iterdir()] == ["x.annotated.jpg"]
    assert (tmp_path / "x.annotated.jpg").read_bytes() == before


def test_names_that_are_too_long(tmp_path):
    """Different ones that begin alike stay different."""
    image = np.zeros((4, 4, 3), np.uint8)
    stems = ["花" * 82, "花" * 82 + "x", "y" * 251, "y" * 250 + "z", "short"]
    with AnnotatedOutput(tmp_path, None) as showing:
        for stem in stems:
            showing.add(prediction(f"{stem}.png"), image)
    names = [os.fsencode(path.name) for path in tmp_path.iterdir()]
    assert len(names) == 5
    assert max(map(len, names)) <= 255
    assert b"short.annotated.jpg" in names

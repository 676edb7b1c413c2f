"""The folder of an inspection."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.config.load import make_config
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import DataError, RunError
from paddle_alexnet.inspection.measure import inspect_images, open_images
from paddle_alexnet.inspection.output import check_output, write_inspection


@pytest.fixture
def lists(tmp_path, write_png):
    """A configuration of lists whose classes have names that are no names of files."""
    rng = np.random.default_rng(0)
    for i in range(4):
        write_png(tmp_path / "images" / f"{i}.png", rng, 20 + i, 3000)
    (tmp_path / "train.txt").write_text("0.png 0\n1.png 1\n")
    (tmp_path / "val.txt").write_text("2.png 0\n3.png 1\n")
    (tmp_path / "names.txt").write_text("../../evil\x1b[2J\n雏菊 & " + "x" * 300 + "\n")
    names = {key: str(tmp_path / f"{file}.txt") for key, file in (
        ("train_list", "train"), ("val_list", "val"), ("class_names", "names"))}  # fmt: skip
    return make_config({"data": {"root": str(tmp_path / "images"), **names}})


def test_the_files(tmp_path, lists):
    out = tmp_path / "new" / "out"
    check_output(out, lists.data.root)
    inspection = inspect_images(open_images(lists))
    write_inspection(out, inspection, lists, Preprocessing(input_size=32, resize=36))
    classes = sorted(os.listdir(out / "classes"))
    assert classes == ["0000__evil_2J.png", f"0001_雏菊_{'x' * 37}.png"]
    for name in (*(f"classes/{name}" for name in classes), "augmentation.png"):
        with Image.open(out / name) as image:
            assert min(image.size) >= 240
    values = json.loads((out / "inspection.json").read_text("utf-8"))
    assert [row["train"] for row in values["classes"]] == [1, 1]
    assert not [name for name in os.listdir(out.parent) if name != "out"]


def test_an_image_that_is_gone_leaves_nothing(tmp_path, lists):
    inspection = inspect_images(open_images(lists))
    os.remove(tmp_path / "images" / "1.png")
    with pytest.raises(DataError, match=r"1\.png"):
        write_inspection(tmp_path / "out", inspection, lists, Preprocessing(32, 36))
    assert {"out"}.isdisjoint(os.listdir(tmp_path))
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("inside", ["", "new", "a/b", "../link/x"])
def test_a_folder_within_the_images_is_refused(tmp_path, inside):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to("images")
    with pytest.raises(RunError, match="within the images"):
        check_output(tmp_path / "images" / inside, tmp_path / "images")


def test_a_folder_with_content_is_left_as_it_is(tmp_path):
    (tmp_path / "out").mkdir()
    check_output(tmp_path / "out", tmp_path / "images")
    (tmp_path / "out" / "x").touch()
    with pytest.raises(RunError, match="not an empty folder"):
        check_output(tmp_path / "out", tmp_path / "images")

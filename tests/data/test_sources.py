"""From a configuration to a data set: the sources, the checks, and the statistics."""

import os
from dataclasses import replace

import numpy as np
import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.data import sources
from paddle_alexnet.data.batches import EvaluationBatches
from paddle_alexnet.data.dataset import ImageArrays, fingerprint
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.sources import DATA_SOURCES, ImageData, measure_statistics, open_data
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import ConfigError, DataError
from paddle_alexnet.runtime.distributed import Ranks

PREPROCESSING = Preprocessing(input_size=32, resize=36)


def configure(root, **keys):
    return make_config({"data": {"root": str(root), **keys}, "train": {"batch_size": 16}})


def test_a_folder(flowers):
    data = open_data(configure(flowers, split="random", val_rate=0.25))
    listing = list_images(flowers, SplitRule("random", 0.25, 0))
    assert data.classes == listing.classes
    for dataset, split in ((data.train, "train"), (data.val, "val")):
        names = [(dataset.name(i), dataset.label(i)) for i in range(len(dataset))]
        assert names == listing.select(split)
    assert data.split_rule == SplitRule("random", 0.25, 0)
    assert open_data(configure(flowers)).fingerprint != data.fingerprint
    assert open_data(configure(flowers, cache="ram", split="random", val_rate=0.25)) != data
    again = open_data(configure(flowers, split="random", val_rate=0.25, workers=3))
    assert again.fingerprint == data.fingerprint


def test_a_test_image_is_part_of_the_fingerprint(tmp_path, write_png):
    """Though no run looks at it: the data set is another."""
    rng = np.random.default_rng(0)
    for name in ("train/a/1.png", "train/b/2.png", "val/a/3.png", "val/b/4.png", "test/a/5.png"):
        write_png(tmp_path / name, rng)
    before = open_data(make_config({"data": {"root": str(tmp_path)}})).fingerprint
    write_png(tmp_path / "test/a/5.png", rng)
    assert open_data(make_config({"data": {"root": str(tmp_path)}})).fingerprint != before


def test_lists(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("1.png", "2.png", "3.png"):
        write_png(tmp_path / name, rng)
    (tmp_path / "train.txt").write_text("1.png 0\n2.png 1\n")
    (tmp_path / "val.txt").write_text("3.png 1\n")
    keys = {f"{split}_list": str(tmp_path / f"{split}.txt") for split in ("train", "val")}
    data = open_data(configure(tmp_path, **keys))
    assert (len(data.train), len(data.val), data.classes) == (2, 1, ["0", "1"])
    assert data.val.image(0).shape == (24, 20, 3)
    with pytest.raises(ConfigError, match=r"data\.train_list"):
        open_data(configure(tmp_path, source="lists"))
    # Chosen by name, the folder is listed instead; it has no class folders.
    with pytest.raises(DataError, match="holds no images"):
        open_data(configure(tmp_path, source="folder", **keys))
    (tmp_path / "train.txt").write_text("1.png 0\n2.png 0\n")
    (tmp_path / "val.txt").write_text("3.png 0\n")
    with pytest.raises(DataError, match=r"train\.txt and .*val\.txt have only one class"):
        open_data(configure(tmp_path, **keys))


def test_lists_that_are_not_in_use_excuse_no_class(tmp_path, write_png):
    """A class of the folder without training images, beside lists for which that is allowed."""
    rng = np.random.default_rng(0)
    for name in ("train/a/1.png", "train/b/2.png", "val/a/3.png", "val/c/4.png"):
        write_png(tmp_path / name, rng)
    keys = {f"{split}_list": str(tmp_path / f"{split}.txt") for split in ("train", "val")}
    config = configure(tmp_path, source="folder", **keys)
    config = replace(config, model=replace(config.model, num_classes=3))
    with pytest.raises(DataError, match="no training images of the class 'c'"):
        open_data(config)


FINGERPRINTS = {  # of commit 3be55f5: runs on tidy folders and lists go on
    "hash": "31d3f6283abf4281dfcd421e52101f66cdfa2357d321983f8d3aec31c563f5da",
    "random": "4ff5c4f5e88ba9c0954372597c17dffeb2cff3c1ae364a09a67db5c9f5db0b8c",
    "folders": "9a92de1c2743f258d980f1e31a0d321be16012b2bf991201bdc3e340b119159d",
    "lists": "582f673a99a1900a908e3f02c3fa8d53711a1768c2335c1afb62e4f317aaee9c",
}


@pytest.mark.parametrize("kind", FINGERPRINTS)
def test_the_fingerprint_of_a_tidy_set_stays(kind, tmp_path):
    lines = {"train": "", "val": ""}
    (tmp_path / "LICENSE.txt").touch()
    for label, name in enumerate("ab"):
        for number in range(20):
            split = "train" if number % 4 else "val"
            folder = tmp_path / (split if kind == "folders" else "") / name
            folder.mkdir(parents=True, exist_ok=True)
            pixels = bytes([label * 20 + number, 1, 2, 3, 4, 5])
            (folder / f"{number}.ppm").write_bytes(b"P6 2 1 255 " + pixels)
            lines[split] += f"{name}/{number}.ppm {label}\n"
    keys = {"split": "random"} if kind == "random" else {}
    if kind == "lists":
        for split, text in lines.items():
            keys[f"{split}_list"] = str(tmp_path / f"{split}.txt")
            (tmp_path / f"{split}.txt").write_text(text)
    assert open_data(configure(tmp_path, **keys)).fingerprint == FINGERPRINTS[kind]


def test_the_only_class_may_hold_the_classes(tmp_path, write_png):
    for number, name in enumerate(("daisy", "roses") * 20):
        write_png(tmp_path / "images" / name / f"{number}.png", np.random.default_rng(number))
    with pytest.raises(DataError, match=rf"'daisy' and 'roses'.*data\.root={tmp_path}/images"):
        open_data(configure(tmp_path))


def test_a_class_without_training_images(tmp_path, write_png, caplog):
    rng = np.random.default_rng(0)
    for name in ("train/a/1", "train/b/2", "val/a/3", "val/c/4"):
        write_png(tmp_path / f"{name}.png", rng)
    with pytest.raises(
        DataError, match=r"no training images of the class 'c': put some in .*train/<class>/"
    ):
        open_data(configure(tmp_path))
    write_png(tmp_path / "train/c/5.png", rng)
    assert open_data(configure(tmp_path)).classes == ["a", "b", "c"]
    assert "no val images of the class 'b'" in caplog.text


@pytest.mark.parametrize(
    ("train", "val", "names", "words"),
    [
        ((1, 2), (1, 2), None, r"train\.txt: no training images of the class '0': .*begin at 1"),
        ((1, 2), (0, 1), None, "class '0': number the labels from 0 without gaps"),
        ((0, 2), (0, 2), None, "class '1': number the labels from 0 without gaps"),
        ((0, 1), (0, 1), "a\nb\nc\n", "class 'c'"),
        ((0, 1), (0, 1), "2\n1\n0\n", "class '0': number the labels from 0 without gaps"),
    ],
)
def test_labels_that_leave_a_class_without_images(tmp_path, write_png, train, val, names, words):
    rng = np.random.default_rng(0)
    for split, labels in (("train", train), ("val", val)):
        for label in labels:
            write_png(tmp_path / f"{split}{label}.png", rng)
        lines = [f"{split}{label}.png {label}\n" for label in labels]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    keys = {f"{split}_list": str(tmp_path / f"{split}.txt") for split in ("train", "val")}
    if names:
        (tmp_path / "names.txt").write_text(names)
        keys["class_names"] = str(tmp_path / "names.txt")
    with pytest.raises(DataError, match=words):
        open_data(configure(tmp_path, **keys))


def test_a_folder_that_cannot_be_read(flowers, monkeypatch):
    def scandir(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"cannot read .*Permission denied"):
        open_data(configure(flowers))


def test_an_unknown_source(flowers):
    with pytest.raises(ConfigError, match=r"data\.source.*folder, lists"):
        open_data(configure(flowers, source="cloud"))


def arrays(config):
    rng = np.random.default_rng(config.train.seed)
    train = ImageArrays(rng.integers(0, 256, (64, 40, 40, 3), dtype=np.uint8), np.arange(64) % 2)
    val = ImageArrays(rng.integers(0, 256, (8, 40, 40, 3), dtype=np.uint8), np.arange(8) % 2)
    classes = ["even", "odd"]
    marks = fingerprint(classes, {"train": train, "val": val})
    return ImageData(classes, train, val, SplitRule(), marks)


def test_a_source_from_outside(monkeypatch, tmp_path):
    """As a user would add one: one function, in memory."""
    monkeypatch.setitem(DATA_SOURCES, "arrays", arrays)
    data = open_data(configure(tmp_path / "no", source="arrays"))
    ((images, labels),) = EvaluationBatches(data.val, PREPROCESSING, batch_size=8)
    assert images.shape == [8, 32, 32, 3]
    assert labels.tolist() == [0, 1] * 4


def test_the_number_of_classes_must_fit(flowers, tmp_path, write_png):
    config = make_config({"data": {"root": str(flowers)}, "model": {"num_classes": 4}})
    with pytest.raises(ConfigError, match=r"model\.num_classes is 4.*5 classes"):
        open_data(config)
    for number in range(2):
        write_png(tmp_path / "only" / f"{number}.png", np.random.default_rng(number))
    with pytest.raises(DataError, match="only one class"):
        open_data(configure(tmp_path, split="random"))


class Alone(Ranks):
    """A process that does not wait for the others."""

    def barrier(self):
        pass


def test_every_process_needs_an_image_of_every_batch(flowers):
    """50 images in batches of 16 leave 2 for the last."""
    assert len(open_data(configure(flowers), Alone(0, 2)).train) == 50
    with pytest.raises(ConfigError, match=r"train\.batch_size.*leave 2 .*3 processes"):
        open_data(configure(flowers), Alone(1, 3))


def test_only_the_first_process_prepares_the_data(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(sources, "prepare", lambda *words: asked.append(words))
    for rank in (0, 1):
        with pytest.raises(DataError, match="not a folder"):
            open_data(configure(tmp_path / "no", prepare="drawn_flowers"), Alone(rank, 2))
    assert asked == [(str(tmp_path / "no"), "drawn_flowers")]


def test_statistics_are_those_of_the_squares(flowers):
    config = configure(flowers, mean="image")
    data = open_data(config)
    statistics = measure_statistics(data, config, PREPROCESSING)
    squares = np.stack([PREPROCESSING.square(data.train.image(i)) for i in range(50)])
    np.testing.assert_allclose(statistics.mean_image, squares.mean(axis=0), rtol=1e-12)
    workers = configure(flowers, mean="image", workers=1, cache_gib=1.0)
    again = measure_statistics(open_data(workers), workers, PREPROCESSING)
    np.testing.assert_array_equal(again.mean_image, statistics.mean_image)
    assert measure_statistics(data, configure(flowers), PREPROCESSING) is None

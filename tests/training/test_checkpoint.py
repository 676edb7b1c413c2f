"""Resuming a run notices what changed since it started."""

import dataclasses
import re
import shutil

import cv2
import pytest

from paddle_alexnet.config.load import make_config, read_config, write_config
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.training.train import open_run
from tests.tiny_run import tiny_run


@pytest.fixture
def images(flowers, tmp_path):
    """Flowers that a test may change."""
    return shutil.copytree(flowers, tmp_path / "flowers")


@pytest.fixture
def directory(images, tiny, tmp_path):
    """A run of an epoch that has ended."""
    return tiny_run(images, tmp_path / "run", train={"batch_size": 25, "compile": "none"}).directory


def resume(directory):
    """As ``tools/train.py --resume`` does."""
    directory = RunDirectory.existing(directory.path)
    run = open_run(read_config(directory.config), resume=directory)
    run.fit()
    return run


def edit(directory, section, key, value):
    values = dataclasses.asdict(read_config(directory.config))
    values[section][key] = value
    directory.config.write_text(write_config(make_config(values)))


def repaint(path):
    """Other content under the same name."""
    _, data = cv2.imencode(".jpg", read_image(str(path))[::-1])
    path.write_bytes(data.tobytes())


def test_other_content_under_the_same_name(directory, images):
    resume(directory)
    image = sorted(images.glob("daisy/*"))[0]
    before = image.read_bytes()
    repaint(image)
    words = (
        rf"{directory.path} cannot continue: images .* changed .*model\.pretrained={directory.best}"
    )
    with pytest.raises(DataError, match=words):
        resume(directory)
    image.write_bytes(before)
    resume(directory)


def test_a_class_of_another_name(directory, images):
    (images / "daisy").rename(images / "zinnia")
    with pytest.raises(DataError, match=r"cannot continue: images or classes"):
        resume(directory)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("optimizer", "lr", 0.5, "optimizer.lr was 0.01 and is 0.5"),
        ("train", "batch_size", 10, "train.batch_size was 25 and is 10"),
        # Before they fail elsewhere, in other words.
        ("model", "width", 0.5, "model.width was 1.0 and is 0.5"),
        ("data", "mean", "image", 'data.mean was null and is "image"'),
        ("train", "seed", 3, "train.seed was 0 and is 3"),
    ],
)
def test_an_edited_configuration(directory, section, key, value, words):
    text_before = directory.config.read_text()
    edit(directory, section, key, value)
    text = (
        f"{directory.config} is not as it was when the run started: {words}; put it back, or start"
    )
    before = directory.state.read_bytes()
    with pytest.raises(ConfigError, match=re.escape(text)):
        resume(directory)
    assert directory.state.read_bytes() == before
    directory.config.write_text(text_before)
    resume(directory)


def test_what_may_change(directory, images, tmp_path):
    moved = images.rename(tmp_path / "moved")
    for key, value in {"root": str(moved), "workers": 1, "max_pixels": 10**6}.items():
        edit(directory, "data", key, value)
    for key, value in {"epochs": 2, "log_every_steps": 1, "save_every_steps": 1}.items():
        edit(directory, "train", key, value)
    edit(directory, "train", "on_nonfinite", "skip")
    directory = RunDirectory(directory.path.rename(tmp_path / "elsewhere"))
    assert resume(directory).state.epoch == 2


def rewrite(directory, change):
    arrays, metadata = read_tensors(directory.state)
    change(metadata)
    write_tensors(directory.state, arrays, metadata)


def test_a_checkpoint_of_another_version_is_refused_in_one_line(directory):
    rewrite(directory, lambda metadata: metadata.pop("version"))
    with pytest.raises(WeightsError, match=r"state\.safetensors .*version.*model\.pretrained="):
        resume(directory)


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"optimizer.lr": 1, "optimizer.lr": 1}'])
def test_a_checkpoint_without_a_configuration(directory, text):
    rewrite(directory, lambda metadata: metadata.update(config=text))
    with pytest.raises(WeightsError, match=r"state\.safetensors is not a checkpoint"):
        resume(directory)

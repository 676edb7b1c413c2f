"""Going on with a run notices what changed since it started."""

import re
import shutil

import cv2
import pytest

from paddle_alexnet.config.load import make_config, read_config, write_config
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.training.assembly_old import assemble


@pytest.fixture
def pictures(flowers, tmp_path):
    """Flowers that a test may change."""
    return shutil.copytree(flowers, tmp_path / "flowers")


@pytest.fixture
def sections(pictures, tiny):
    return {
        "data": {"root": str(pictures)},
        "model": {"name": tiny},
        "train": {"epochs": 1, "batch_size": 25, "device": "cpu", "compile": "none"},
    }


@pytest.fixture
def run(sections, tmp_path):
    """A run of an epoch that has ended."""
    trainer, run = assemble(
        make_config(sections), lambda: RunDirectory.create(tmp_path / "run", "test")
    )
    trainer.fit()
    return run


def go_on(run):
    """As ``tools/train.py --resume`` does."""
    run = RunDirectory.existing(run.path)
    trainer, _ = assemble(read_config(run.config), lambda: run, resume=True)
    trainer.fit()
    return trainer


def edit(run, sections, section, key, value):
    values = {**sections, section: {**sections.get(section, {}), key: value}}
    run.config.write_text(write_config(make_config(values)))


def repaint(picture):
    """Other content under the same name."""
    image = read_image(str(picture))
    _, data = cv2.imencode(".jpg", image[::-1])
    picture.write_bytes(data.tobytes())


def test_other_content_under_the_same_name(run, pictures):
    go_on(run)
    picture = sorted(pictures.glob("daisy/*"))[0]
    before = picture.read_bytes()
    repaint(picture)
    words = rf"{run.path} cannot go on: pictures .* changed .*model\.pretrained={run.best}"
    with pytest.raises(DataError, match=words):
        go_on(run)
    picture.write_bytes(before)
    go_on(run)


def test_a_class_of_another_name(run, pictures):
    (pictures / "daisy").rename(pictures / "zinnia")
    with pytest.raises(DataError, match="cannot go on: pictures or classes"):
        go_on(run)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("optimizer", "lr", 0.5, "optimizer.lr was 0.01 and is 0.5"),
        ("train", "batch_size", 10, "train.batch_size was 25 and is 10"),
        # Before they fail elsewhere, in other words.
        ("model", "width", 0.5, "model.width was 1.0 and is 0.5"),
        ("data", "mean", "image", 'data.mean was "channel" and is "image"'),
        ("train", "seed", 3, "train.seed was 0 and is 3"),
    ],
)
def test_an_edited_configuration(run, sections, section, key, value, words):
    edit(run, sections, section, key, value)
    text = f"{run.config} is not as it was when the run started: {words}; put it back, or start"
    before = run.state.read_bytes()
    with pytest.raises(ConfigError, match=re.escape(text)):
        go_on(run)
    assert run.state.read_bytes() == before
    edit(run, sections, "train", "epochs", 1)
    go_on(run)


def test_what_may_change(run, sections, pictures, tmp_path):
    moved = pictures.rename(tmp_path / "moved")
    data = {"root": str(moved), "cache": "ram"}
    train = {**sections["train"], "epochs": 2, "log_every_steps": 1, "save_every_steps": 1}
    values = {**sections, "data": data, "train": {**train, "on_nonfinite": "skip"}}
    run.config.write_text(write_config(make_config(values)))
    run = RunDirectory(run.path.rename(tmp_path / "elsewhere"))
    assert go_on(run).progress.epoch == 2


def rewrite(run, change):
    arrays, metadata = read_tensors(run.state)
    change(metadata)
    write_tensors(run.state, arrays, metadata)


def test_a_state_of_an_earlier_version_is_taken_with_a_warning(run, sections, pictures, caplog):
    rewrite(run, lambda metadata: metadata.pop("config"))
    repaint(sorted(pictures.glob("daisy/*"))[0])
    edit(run, sections, "train", "epochs", 2)
    assert go_on(run).progress.epoch == 2
    (line,) = [r.getMessage() for r in caplog.records if "earlier version" in r.getMessage()]
    assert str(run.state) in line and str(run.config) in line
    # From now on it is known.
    edit(run, sections, "optimizer", "lr", 0.5)
    with pytest.raises(ConfigError, match=r"optimizer\.lr was"):
        go_on(run)


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"optimizer.lr": 1, "optimizer.lr": 1}'])
def test_a_state_whose_configuration_is_none(run, text):
    rewrite(run, lambda metadata: metadata.update(config=text))
    with pytest.raises(WeightsError, match="is not a state"):
        go_on(run)

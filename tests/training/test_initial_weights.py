"""What a run takes over from weights, and which weights do not fit its images."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from paddle_alexnet.config.load import read_config
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.nets.weights import read_weights, write_weights
from paddle_alexnet.training.initial_weights import find_model
from paddle_alexnet.training.train import Interrupted, open_run
from tests.tiny_run import tiny_config, tiny_run

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "cifar").glob("*.yml"))
pytestmark = pytest.mark.usefixtures("tiny")
RANDOM = {"split": "random", "val_rate": 0.25}


@pytest.fixture
def base(flowers, tmp_path):
    """Weights of a run with a mean image on a random split of seed 0."""
    return tiny_run(flowers, tmp_path / "base", data={**RANDOM, "mean": "image"}).directory.best


def tuned(flowers, path, base, *, data=RANDOM, skip_head=False, **train):
    model = {"name": "tiny", "pretrained": str(base), "skip_head": skip_head}
    return open_run(tiny_config(flowers, path, data=data, model=model, train=train))


def test_the_mean_image_is_taken_over_unless_it_is_set(flowers, tmp_path, base):
    want = read_weights(base)[1].mean_image
    run = tuned(flowers, tmp_path / "tuned", base, save_every_steps=1)
    np.testing.assert_array_equal(run.description.mean_image, want)
    scores = Classifier(run.net, run.description).scores
    images = [read_image(path) for path, _ in list_images(flowers).select("all")[:4]]
    np.testing.assert_allclose(scores(images), Classifier.load(base).scores(images), atol=1e-6)
    run.should_stop = lambda: True
    with pytest.raises(Interrupted):
        run.fit()
    base.unlink()  # resuming needs it no more
    directory = RunDirectory(run.directory.path)
    again = open_run(read_config(directory.config), resume=directory)
    np.testing.assert_array_equal(again.description.mean_image, want)
    again.fit()
    np.testing.assert_array_equal(read_weights(directory.best)[1].mean_image, want)


def test_a_mean_that_is_set_stays(flowers, tmp_path, base):
    run = tuned(flowers, tmp_path / "tuned", base, data={**RANDOM, "mean": "channel"})
    assert run.description.mean_image is None


def test_preprocessing_is_taken_over(flowers, tmp_path, base):
    arrays, description = read_weights(base)
    other = dataclasses.replace(description.preprocessing, resize=40, squash=True, mean=(0, 0, 0.5))
    write_weights(base, arrays, dataclasses.replace(description, preprocessing=other))
    run = tuned(flowers, tmp_path / "tuned", base)
    assert run.description.preprocessing == other
    run.fit()
    again = open_run(read_config(run.directory.config), resume=RunDirectory(run.directory.path))
    assert again.description.preprocessing == other


def test_classes_are_mapped_by_name(flowers, tmp_path, base):
    arrays, description = read_weights(base)
    order = [3, 0, 4, 1, 2]
    classes = tuple(description.classes[place] for place in order)
    for name in ("out_fc.weight", "out_fc.bias"):
        arrays[name] = np.ascontiguousarray(arrays[name][..., order])
    mixed = tmp_path / "mixed.safetensors"
    write_weights(mixed, arrays, dataclasses.replace(description, classes=classes))
    run = tuned(flowers, tmp_path / "tuned", mixed)
    want = read_weights(base)[0]
    for name, parameter in run.net.named_parameters():
        np.testing.assert_array_equal(parameter.numpy(), want[name])
    assert run.description.classes == description.classes


@pytest.mark.parametrize("last", ["tulip", "daisy"])
def test_other_classes_need_skip_head(flowers, tmp_path, base, last):
    """As many, but one is another, or doubled."""
    arrays, description = read_weights(base)
    write_weights(
        base, arrays, dataclasses.replace(description, classes=(*description.classes[:4], last))
    )
    with pytest.raises(WeightsError, match=r"model\.skip_head=true.*'tulips'"):
        tuned(flowers, tmp_path / "tuned", base)
    tuned(flowers, tmp_path / "tuned", base, skip_head=True)


@pytest.mark.parametrize(
    ("data", "seed", "cure"),
    [
        (RANDOM, 1, "-o data.split_seed=0$"),
        ({**RANDOM, "split_seed": 7}, 0, "-o data.split_seed=0$"),
        ({"split": "hash"}, 0, r"-o data\.split=random -o data\.val_rate=0\.25$"),
    ],
)
def test_val_images_of_the_weights_are_not_trained_on(flowers, tmp_path, base, data, seed, cure):
    for skip_head in (False, True):
        with pytest.raises(ConfigError, match=rf"base.best\.safetensors was validated on .*{cure}"):
            tuned(flowers, tmp_path / "tuned", base, data=data, seed=seed, skip_head=skip_head)
    assert not (tmp_path / "tuned").exists()
    tuned(flowers, tmp_path / "tuned", base, data={**RANDOM, "split_seed": 0}, seed=1)


def test_the_cure_for_a_divided_folder_is_no_key(flowers, tmp_path, base):
    """There train/ and val/ decide, whatever data.split is."""
    listing = list_images(flowers, SplitRule("random", 0.25, 9))
    for split, samples in listing.splits.items():
        for path, label in samples:
            copy = tmp_path / "divided" / split / listing.classes[label] / Path(path).name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    with pytest.raises(ConfigError, match="keep them in val, by train/ and val/"):
        tuned(tmp_path / "divided", tmp_path / "tuned", base, data={"split": "hash"}, seed=1)


def test_weights_of_before_are_doubted(flowers, tmp_path, base, caplog):
    arrays, description = read_weights(base)
    write_weights(base, arrays, dataclasses.replace(description, val_marks=()))
    tuned(flowers, tmp_path / "tuned", base, seed=1)
    assert "-o data.split_seed=0" in caplog.text


def test_weight_decay_names_layers_of_the_net(tmp_path):
    model = {"name": "cifar_18pct"}
    find_model(tiny_config(tmp_path, model=model, optimizer={"weight_decay": {"fc4": 1.0}}))
    wrong = tiny_config(tmp_path, model=model, optimizer={"weight_decay": {"local3": 0.1}})
    with pytest.raises(ConfigError, match="'local3'; choose from conv1, conv2, conv3, fc4"):
        find_model(wrong)


def test_changes_fit_the_net_and_the_weights(flowers, tmp_path, base):
    """The net tiny has norms and no towers."""
    wrong = tiny_config(tmp_path, model={"changes": {"towers": 1}})
    with pytest.raises(ConfigError, match=r"model\.changes\.towers: tiny has no two towers"):
        find_model(wrong)
    model = {"pretrained": str(base), "changes": {"norm": "none"}}
    with pytest.raises(WeightsError, match=r"model\.changes"):
        open_run(tiny_config(flowers, tmp_path / "x", model=model, data=RANDOM))
    run = tiny_run(flowers, tmp_path / "y", data=RANDOM, model={"changes": {"norm": "none"}})
    assert Classifier.load(run.directory.best).description.changes == {"norm": "none"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configurations_name_layers_of_their_net(path):
    assert isinstance(read_config(path).optimizer.weight_decay, dict)
    find_model(read_config(path))


@pytest.mark.parametrize("key", ["lrn", "init"])
def test_unknown_words_are_refused_with_the_current_ones(tmp_path, key):
    """Old names of inits are read, but neither offered nor names of a norm."""
    word = "kaiming_seed002" if key == "lrn" else "x"
    with pytest.raises(ConfigError, match=rf"model\.{key}: unknown '{word}'; choose ") as caught:
        find_model(tiny_config(tmp_path, model={"name": "tiny", key: word}))
    assert "kaiming_seed002" not in str(caught.value).partition("choose")[2]

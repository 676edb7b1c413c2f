"""Which keys may change when a run is resumed, and how the other changes are named."""

import dataclasses
import json

import pytest

from paddle_alexnet.config.load import describe_keys, make_config
from paddle_alexnet.config.resume_rules import (
    MAY_CHANGE,
    config_for_resume,
    describe_changes,
    fixed_values,
)
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import ConfigError

KEYS = {key for key, _, _ in describe_keys()}
# All keys with an effect on weights or metrics; written down, so that none is freed by accident.
FIXED = {
    *(f"augment.{field.name}" for field in dataclasses.fields(Config().augment)),
    *(f"optimizer.{field.name}" for field in dataclasses.fields(Config().optimizer)),
    *(f"schedule.{field.name}" for field in dataclasses.fields(Config().schedule)),
    *(f"model.{field.name}" for field in dataclasses.fields(Config().model)),
    *(
        "data.split",
        "data.val_rate",
        "data.split_seed",
        "data.mean",
        "data.sample_bits",
        "train.batch_size",
        "train.seed",
    ),
    *("train.accumulate_steps", "train.label_smoothing", "train.topk"),
}


def test_every_key_is_either_fixed_or_may_change_for_a_reason():
    assert MAY_CHANGE.keys() <= KEYS
    assert fixed_values(Config()).keys() == FIXED == KEYS - MAY_CHANGE.keys()
    assert all(MAY_CHANGE.values())


def test_nothing_changed():
    config = make_config({"schedule": {"name": "step", "milestones": [2, 4]}})
    then = json.loads(json.dumps(fixed_values(config)))
    assert describe_changes(then, config) == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"optimizer": {"lr": 0.02}}, ["optimizer.lr was 0.01 and is 0.02"]),
        ({"optimizer": {"average": 0.9}}, ["optimizer.average was null and is 0.9"]),
        ({"augment": {"flip": False}}, ["augment.flip was true and is false"]),
        ({"model": {"init": "paper"}}, ['model.init was null and is "paper"']),
        (
            {"schedule": {"name": "step", "milestones": [2]}, "train": {"seed": 7, "epochs": 99}},
            [
                "train.seed was 0 and is 7",
                'schedule.name was "plateau" and is "step"',
                "schedule.milestones was [] and is [2]",
            ],
        ),
        ({"data": {"root": "x", "workers": 3}, "run": {"dir": "y"}}, []),
    ],
)
def test_each_change_is_named(now, words):
    assert describe_changes(fixed_values(Config()), make_config(now)) == words


def test_values_of_another_version():
    then = fixed_values(Config())
    del then["optimizer.clip_norm"]  # a key that was added later had its default
    then["data.workers"] = 5  # a key that may change by now
    assert describe_changes(then, make_config({})) == []
    assert describe_changes(then, make_config({"optimizer": {"clip_norm": 2}})) == [
        "optimizer.clip_norm was null and is 2.0"
    ]
    then["optimizer.gone\n"] = "x" * 999
    (line,) = describe_changes(then, make_config({}))
    assert line.startswith(r"'optimizer.gone\n' was") and "\n" not in line
    assert len(line) < 200


def test_keys_that_may_change_are_set_on_resuming(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text("train: {epochs: 3, batch_size: 7}\n")
    config = config_for_resume(path, ["train.epochs=5", "data.root=2024"])
    assert config == make_config(
        {"train": {"epochs": 5, "batch_size": 7}, "data": {"root": "2024"}}
    )


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optimizer.lr=0.1", "-o optimizer.lr=0.1.*train.epochs"),
        ("model.name=caffenet", "model.name"),
        ("train.epoch=5", "did you mean train.epochs"),
        ("run.dir=elsewhere", "move that"),
    ],
)
def test_keys_that_may_not_change(tmp_path, override, words):
    path = tmp_path / "config.yml"
    path.write_text("train: {epochs: 3}\n")
    with pytest.raises(ConfigError, match=words):
        config_for_resume(path, [override])

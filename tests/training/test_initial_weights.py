"""What is checked of a net's keys before any image is read."""

from pathlib import Path

import pytest

from paddle_alexnet.config.load import read_config
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.training.initial_weights import find_model
from tests.tiny_run import tiny_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "cifar").glob("*.yml"))


def test_weight_decay_names_layers_of_the_net(tmp_path):
    model = {"name": "cifar_18pct"}
    find_model(tiny_config(tmp_path, model=model, optimizer={"weight_decay": {"fc4": 1.0}}))
    wrong = tiny_config(tmp_path, model=model, optimizer={"weight_decay": {"local3": 0.1}})
    with pytest.raises(ConfigError, match="'local3'; choose from conv1, conv2, conv3, fc4"):
        find_model(wrong)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configurations_name_layers_of_their_net(path):
    assert isinstance(read_config(path).optimizer.weight_decay, dict)
    find_model(read_config(path))

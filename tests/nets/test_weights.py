"""Weights files: read by another library, and refused when they do not fit."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from paddle import nn

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.weights import (
    Description,
    load_arrays,
    net_arrays,
    read_weights,
    write_weights,
)
from paddle_alexnet.storage.tensors import write_tensors

DESCRIPTION = Description(
    "alexnet",
    ("daisy", "雏菊"),
    Preprocessing(input_size=32, resize=36),
    SplitRule("random", 0.2, 7),
    {"epoch": 3, "val/top1": 0.5},
    0.5,
)


# Invalid preprocessing: numbers that float32 does not have, or that leave nothing of it.
PREPROCESSING = [
    {"std": [0, 1, 1]},
    {"std": [1e-300, 1, 1]},
    {"std": [10**400, 1, 1]},
    {"mean": [math.nan, 0, 0]},
    {"mean": [math.inf, 0, 0]},
    {"mean": [1e38, 0, 0]},
    {"mean": ["0", 0, 0]},
    {"mean": [True, 0, 0]},
    {"mean": [0, 0]},
    {"mean": 3},
    {"input_size": 10**9},
    {"input_size": 32.0},
    {"squash": 1},
]


def preprocessing(**change):
    return json.dumps({**DESCRIPTION.preprocessing.to_json(), **change})


@pytest.fixture
def net():
    return nn.Sequential(nn.Conv2D(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))


@pytest.fixture
def path(net, tmp_path):
    write_weights(tmp_path / "w.safetensors", net_arrays(net), DESCRIPTION)
    return tmp_path / "w.safetensors"


def test_names_layout_and_metadata_as_the_format_has_them(net, path):
    arrays = safetensors.numpy.load_file(path)
    assert {k: v.shape for k, v in arrays.items()} == {
        "0.weight": (4, 3, 3, 3),
        "0.bias": (4,),
        "2.weight": (16, 2),  # Paddle's layout: in, out
        "2.bias": (2,),
    }
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert metadata["architecture"] == "alexnet"
    assert json.loads(metadata["classes"]) == ["daisy", "雏菊"]
    assert json.loads(metadata["preprocessing"])["input_size"] == 32


def test_there_and_back(net, path):
    arrays, description = read_weights(path)
    assert description == DESCRIPTION
    twin = nn.Sequential(nn.Conv2D(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    load_arrays(twin, arrays, path)
    for name, array in net_arrays(net).items():
        np.testing.assert_array_equal(net_arrays(twin)[name], array)


def test_a_mean_image_travels_with_the_weights(net, tmp_path):
    mean = np.random.default_rng(0).uniform(0, 255, (32, 32, 3)).astype(np.float32)
    path = tmp_path / "w.safetensors"
    write_weights(path, net_arrays(net), replace(DESCRIPTION, mean_image=mean))
    arrays, description = read_weights(path)
    assert arrays.keys() == net_arrays(net).keys()
    np.testing.assert_array_equal(description.mean_image, mean)
    np.testing.assert_allclose(description.mean, mean / 255)


@pytest.mark.parametrize(
    "mean",
    [
        np.zeros((3, 3, 3)),
        np.full((32, 32, 3), np.nan),
        np.full((32, 32, 3), -1.0),
        np.full((32, 32, 3), 1e300),
        np.zeros((32, 32, 3), np.int64),
    ],
)
def test_a_mean_image_that_cannot_be(net, tmp_path, mean):
    path = tmp_path / "w.safetensors"
    write_weights(path, net_arrays(net), replace(DESCRIPTION, mean_image=mean))
    with pytest.raises(WeightsError, match=r"mean image (must be 32 x 32|holds values outside)"):
        read_weights(path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_damaged_files(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        read_weights(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(WeightsError, match="no weights file"):
        read_weights(tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match=r"is a folder.*best\.safetensors"):
        read_weights(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": None},
        {"classes": "[]"},
        {"classes": '"daisy"'},
        {"classes": "[1, 2]"},
        {"classes": "["},
        {"preprocessing": "{}"},
        {"preprocessing": "[]"},
        {"preprocessing": '{"input_size": 9, "resize": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}'},
        {"data_split": '{"evil": 1}'},
        {"data_split": "3"},
        {"width": "0"},
        {"width": "[]"},
        {"width": "true"},
        {"width": "NaN"},
        {"width": "9" * 5000},
        {"classes": "[" * 100_000},
        {"classes": json.dumps(["daisy", "x" * 10**6])},
        {"training": "3"},
        {"training": '{"epoch": 1, "epoch": 2}'},
        {"data_split": '{"val_rate": "x"}'},
        {"data_split": '{"seed": [1]}'},
        *({"preprocessing": preprocessing(**change)} for change in PREPROCESSING),
    ],
)
def test_damaged_metadata_is_refused(net, tmp_path, change):
    metadata = {**DESCRIPTION.metadata(), **change}
    metadata = {key: value for key, value in metadata.items() if value is not None}
    write_tensors(tmp_path / "w.safetensors", net_arrays(net), metadata)
    with pytest.raises(WeightsError, match="not a weights file of this project"):
        read_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.full(2, np.nan, np.float32), "2.bias holds values that are not finite"),
        (np.full(2, 1e39), "2.bias holds values that are not finite"),  # not in float32
        (np.zeros(2, np.int64), "2.bias holds int64, expected floats"),
        (np.zeros(2, np.complex64), "2.bias holds complex64"),
    ],
)
def test_values_that_are_not_finite_floats_change_nothing(net, bad, words):
    before = net_arrays(net)
    arrays = {name: np.zeros_like(array) for name, array in before.items()}
    with pytest.raises(WeightsError, match=words):
        load_arrays(net, {**arrays, "2.bias": bad}, "them.safetensors")
    for name, array in net_arrays(net).items():
        np.testing.assert_array_equal(array, before[name])


def test_a_message_about_a_million_names_is_short(net):
    arrays = {f"{i}\x1b[31m" + "x" * 500: np.zeros(0, np.float32) for i in range(10_000)}
    with pytest.raises(WeightsError) as caught:
        load_arrays(net, arrays, "them.safetensors")
    assert "more" in str(caught.value)
    assert len(str(caught.value)) < 10_000
    assert "\x1b" not in str(caught.value)


def test_weights_that_do_not_fit_change_nothing(net):
    before = net_arrays(net)
    arrays = {
        "0.weight": np.zeros((4, 3, 3, 3), np.float32),
        "2.weight": np.zeros((16, 9), np.float32),
        "2.bias": np.zeros(2, np.float32),
        "surplus": np.zeros(1, np.float32),
    }
    with pytest.raises(WeightsError) as caught:
        load_arrays(net, arrays, "them.safetensors")
    text = str(caught.value)
    for words in ("missing: 0.bias", "surplus: 'surplus'", "[16, 9]", "[16, 2]"):
        assert words in text
    for name, array in net_arrays(net).items():
        np.testing.assert_array_equal(array, before[name])


def test_leaving_out_the_head(net):
    before = net_arrays(net)["2.weight"]
    arrays = {
        "0.weight": np.ones((4, 3, 3, 3), np.float32),
        "0.bias": np.ones(4, np.float32),
        "2.weight": np.zeros((16, 9), np.float32),
    }
    load_arrays(net, arrays, "them", head="2")
    assert (net_arrays(net)["0.weight"] == 1).all()
    np.testing.assert_array_equal(net_arrays(net)["2.weight"], before)

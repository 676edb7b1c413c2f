"""Damaged and forged files: each ends in an error of ours, or means what it says.

A traceback fails a test by itself. A success is wrong unless what was read is, by other means than
the project's, what the file says.
"""

import dataclasses
import json
import math
import os
import random
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml

from paddle_alexnet.config.load import read_config, write_config
from paddle_alexnet.config.resume_rules import MAY_CHANGE
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.class_names import read_class_names
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import ConfigError, DataError, RunError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.nets.registry import build_model
from paddle_alexnet.nets.weights import Description, net_arrays, read_weights, write_weights
from paddle_alexnet.storage.tensors import read_tensors, write_tensors
from paddle_alexnet.training.checkpoint import read_checkpoint
from paddle_alexnet.training.optimizer import optimizer_arrays
from tests.tiny_run import tiny_run
from tests.torture.mutations import damaged, edited

CONFIGS = [  # not the claims, which are data of their own
    path
    for path in sorted((Path(__file__).parents[2] / "configs").rglob("*.yml"))
    if path.parent.name != "claims"
]
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)


def same_arrays(a, b):
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name]) for name in a
    )


def tried(count, kind, refused, equal):
    count(f"{kind}: refused in one of our errors", refused)
    count(f"{kind}: the same content, read as such", equal)


@pytest.fixture
def weights(tiny, tmp_path):
    paddle.seed(0)
    path = tmp_path / "w.safetensors"
    description = Description(
        tiny, ("daisy", "雏菊"), Preprocessing(input_size=32, resize=36), training={"epoch": 1}
    )
    write_weights(path, net_arrays(build_model(tiny, 2)), description)
    return path


def test_damaged_weights(weights, amount, count):
    good, rng = weights.read_bytes(), random.Random(1)
    arrays, description = read_weights(weights)
    refused = equal = 0
    for _ in range(amount(80, 2500)):
        weights.write_bytes(damaged(good, rng))
        try:
            got, said = read_weights(weights)
        except WeightsError as error:
            assert str(weights) in str(error)
            refused += 1
        else:
            assert same_arrays(got, arrays) and said == description
            equal += 1
    tried(count, "weights files damaged", refused, equal)
    assert refused > equal


def forged(arrays, rng):
    """Arrays of other names, shapes, kinds and numbers."""
    arrays = dict(arrays)
    name = rng.choice(sorted(arrays))
    array = arrays.pop(name)
    kind = rng.randrange(8)
    if kind == 0:
        return arrays
    if kind == 1:
        return {**arrays, f"{name}{rng.choice(('', '/', 'x', chr(27)))}x": array}
    if kind == 2:
        other = rng.choice(sorted(arrays))
        return {**arrays, name: arrays[other], other: array}
    if kind == 3:
        return {**arrays, name: np.resize(array, rng.choice(((0,), (1,), (2, 3), (1, 1, 1, 1, 1))))}
    if kind == 4:
        return {**arrays, name: array.astype(rng.choice((np.int64, np.float16, np.float64, bool)))}
    if kind == 5:
        return {**arrays, name: np.full_like(array, rng.choice((np.nan, np.inf, 3e38)))}
    if kind == 6:
        return {**arrays, name: array, name[:-1]: array}
    return {**arrays, name: array * 2}


def forgeries(arrays, metadata, rng, times):
    """Arrays and metadata, one of them changed: the arrays in a third of all."""
    for trial in range(times):
        if trial % 3:
            key = rng.choice(sorted(metadata))
            yield arrays, {**metadata, key: edited(metadata[key], rng)}
        else:
            yield forged(arrays, rng), metadata


def test_forged_weights(weights, amount, count):
    """With a valid checksum: the content is checked all the same."""
    (arrays, metadata), rng = read_tensors(weights), random.Random(2)
    refused = equal = 0
    for values, texts in forgeries(arrays, metadata, rng, amount(60, 1500)):
        write_tensors(weights, values, texts)
        try:
            classifier = Classifier.load(weights)
            scores = classifier.scores([IMAGE])
        except WeightsError:
            refused += 1
            continue
        said = classifier.description
        assert said.architecture == texts["architecture"]
        assert list(said.classes) == json.loads(texts["classes"])
        assert json.loads(json.dumps(said.preprocessing.to_json())) == {
            "squash": False,
            **json.loads(texts["preprocessing"]),
        }
        assert said.width == json.loads(texts.get("width", "1"))
        assert same_arrays(
            net_arrays(classifier.net), {k: a.astype(np.float32) for k, a in values.items()}
        )
        assert scores.shape == (1, 2) and math.isclose(scores.sum(), 1, rel_tol=1e-5)
        equal += 1
    tried(count, "weights files forged", refused, equal)
    assert refused > 0 and equal > 0


@pytest.fixture
def restored(tiny, flowers, tmp_path):
    """A run of two epochs, and a function that restores it from its file and returns log sizes."""
    train = {"epochs": 2, "batch_size": 24, "compile": "none"}
    run = tiny_run(flowers, tmp_path / "run", train=train, optimizer={"average": 0.9})
    run.directory.previous_state.unlink()

    def restore():
        checkpoint = read_checkpoint(run.directory)
        checkpoint.check_config(run.config)
        checkpoint.restore(run)
        return checkpoint.log_sizes()

    return run, restore


def test_damaged_checkpoints(restored, amount, count):
    run, restore = restored
    path = run.directory.state
    good, rng = path.read_bytes(), random.Random(3)
    state, net = dataclasses.asdict(run.state), net_arrays(run.net)
    refused = equal = 0
    for _ in range(amount(80, 2500)):
        path.write_bytes(damaged(good, rng))
        try:
            restore()
        except WeightsError as error:
            assert str(run.directory.path) in str(error)
            refused += 1
        else:
            assert dataclasses.asdict(run.state) == state
            assert same_arrays(net_arrays(run.net), net)
            equal += 1
    tried(count, "checkpoints damaged", refused, equal)
    assert refused > equal


def test_forged_checkpoints(restored, amount, count):
    run, restore = restored
    path = run.directory.state
    (arrays, metadata), rng = read_tensors(path), random.Random(4)
    values_then = json.loads(metadata["config"])
    refused = equal = 0
    for values, texts in forgeries(arrays, metadata, rng, amount(60, 1500)):
        write_tensors(path, values, texts)
        try:
            sizes = restore()
        except (ConfigError, WeightsError, DataError):
            refused += 1
            continue
        for key, value in json.loads(texts["config"]).items():
            assert key in MAY_CHANGE or value == values_then[key]
        assert dataclasses.asdict(run.state) == json.loads(texts["progress"])
        assert run.schedule.state() == json.loads(texts["schedule"])
        assert sizes == json.loads(texts["history"])
        now = {f"net/{name}": array for name, array in net_arrays(run.net).items()}
        memory = optimizer_arrays(run.optimizer, run.net)
        now |= {f"optimizer/{name}": array for name, array in memory.items()}
        now |= {f"average/{name}": array for name, array in run.average.arrays().items()}
        assert same_arrays(now, {k: values[k].astype(np.float32) for k in now})
        surplus = {name.partition("/")[0] for name in values.keys() - now.keys()}
        assert not surplus & {"net", "optimizer", "average"}
        equal += 1
    tried(count, "checkpoints forged", refused, equal)
    assert refused > 0 and equal > 0


def says(node, key, value):
    """Whether a node of YAML, as PyYAML's parser gives it, is the text of this value."""
    if isinstance(value, list):
        return len(node.value) == len(value) and all(map(says, node.value, [key] * 99, value))
    if isinstance(value, dict):
        given = {name.value: of for name, of in node.value}
        return given.keys() == value.keys() and all(says(given[k], k, value[k]) for k in value)
    word, plain = node.value, node.style is None
    if value is None:
        return plain and word in ("", "~", "null", "Null", "NULL")
    if isinstance(value, bool):
        return plain and word.lower() == str(value).lower()
    if isinstance(value, str):
        return value == os.path.expanduser(word) or (key in ("name", "device") and value == word)
    return plain and "_" not in word and float(word) == value


def check_config(text, config):
    """Compare a configuration with the nodes of its text."""
    sections = yaml.compose(text)
    given = {}
    for section, keys in sections.value if sections is not None and sections.value else ():
        assert section.value not in given, "a section twice"
        given[section.value] = {}
        for key, node in keys.value if keys.value else ():
            assert key.value not in given[section.value], "a key twice"
            given[section.value][key.value] = node
    values = dataclasses.asdict(config)
    defaults = dataclasses.asdict(Config())
    assert given.keys() <= values.keys()
    for section, keys in values.items():
        nodes = given.get(section, {})
        assert nodes.keys() <= keys.keys()
        for key, value in keys.items():
            if key in nodes:
                assert says(nodes[key], key, value), (section, key, value)
            else:
                assert value == defaults[section][key]


def test_edited_configurations(tmp_path, amount, count):
    rng, path = random.Random(5), tmp_path / "my.yml"
    texts = [config.read_text(encoding="utf-8") for config in CONFIGS]
    # Without the comments, where a change means nothing.
    texts = ["\n".join(row for row in t.split("\n") if not row.startswith("#")) for t in texts]
    texts += [write_config(read_config(config)) for config in CONFIGS]
    refused = valid = 0
    for trial in range(amount(150, 5000)):
        good = rng.choice(texts)
        bad = damaged(good.encode(), rng) if trial % 4 == 0 else edited(good, rng).encode()
        path.write_bytes(bad)
        try:
            config = read_config(path)
        except ConfigError as error:
            assert "my.yml" in str(error)
            assert len(str(error)) < 10_000
            refused += 1
        else:
            check_config(bad.decode(), config)
            valid += 1
    count("configurations edited: refused in one of our errors", refused)
    count("configurations edited: valid, and read as they stand there", valid)
    assert refused > 0 and valid > 0


def test_edited_figures_and_names(tmp_path, amount, count):
    """metrics.jsonl and class_index.json."""
    row = {"epoch": 1, "train/loss": 2.5, "train/top1": 0.25, "val/loss": 2.0, "val/top1": 0.5}
    metrics, index = tmp_path / "metrics.jsonl", tmp_path / "class_index.json"
    good = {
        metrics: "".join(json.dumps({**row, "epoch": n}) + "\n" for n in (1, 2)),
        index: json.dumps({"0": "daisy", "1": "雏菊", "2": "tulips"}, ensure_ascii=False, indent=1),
    }
    rng = random.Random(6)
    refused = equal = 0
    for trial in range(amount(60, 1000)):
        path = rng.choice((metrics, index))
        text = good[path]
        bad = damaged(text.encode(), rng) if trial % 2 else edited(text, rng).encode()
        path.write_bytes(bad)
        try:
            got = read_metrics(path) if path == metrics else read_class_names(path)
        except (RunError, DataError) as error:
            assert path.name in str(error)
            refused += 1
            continue
        lines = bad.decode().split("\n")[:-1]
        if path == metrics:
            assert repr(got) == repr([json.loads(line) for line in lines])  # NaN is not NaN
        else:
            said = json.loads(bad)
            assert got == [said[str(n)].strip() for n in range(len(said))]
        equal += 1
    tried(count, "figures and names edited", refused, equal)
    assert refused > 0 and equal > 0

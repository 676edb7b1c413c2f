"""What is added from outside the package: a net, an augmentation, a schedule, a data set.

Each is one entry of a registry, and goes through a whole run and its resumption.
"""

import json
import shutil
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

import convert
import infer
import logit_spread
import plot_run
import summary
import train
from paddle_alexnet.config.schema import RunConfig
from paddle_alexnet.data.dataset import ImageArrays, fingerprint
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.sources import DATA_SOURCES, ImageData
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.data.transforms import AUGMENTATIONS
from paddle_alexnet.errors import ConfigError, DataError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.nets.registry import MODELS, Model
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.stages import Conv, Linear, MaxPool, Norm, ReLU
from paddle_alexnet.training.schedule import SCHEDULES
from paddle_alexnet.training.train import open_run
from tests.tiny_run import Halving, tiny_config

# Four layers with weights on 24 x 24 pixels, hidden units without dropout.
FOUR_LAYERS = (
    (Conv(8, 5, padding=2), ReLU(), MaxPool()),
    (Conv(8, 5, padding=2), ReLU(), Norm(alpha=1e-3), MaxPool()),
    (Linear(16), ReLU()),
)


def four_layer_config(root, path, **sections):
    keys = {"epochs": 2, "batch_size": 16, "compile": "none"}
    model = {"name": "four_layers", "lrn": "fused"}
    return tiny_config(root, path, model=model, train=keys, **sections)


@pytest.fixture
def four_layers(monkeypatch):
    """Adds a net that is not shaped like AlexNet."""
    model = Model(FOUR_LAYERS, Preprocessing(24, 28), source="this test")
    monkeypatch.setitem(MODELS, "four_layers", model)
    return "four_layers"


def test_a_net_of_another_depth_and_input_size_in_every_tool(
    four_layers, flowers, tmp_path, monkeypatch, capsys
):
    """Train, resume, eval, infer, export, summary, logit_spread, plot_run; convert refuses it."""
    weights, run = tmp_path / "run" / "best.safetensors", tmp_path / "run"

    def tool(module, *words):
        monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, words)])
        capsys.readouterr()
        assert not module.main({})
        return capsys.readouterr().out

    (tmp_path / "tiny.yml").write_text(
        f"data: {{root: {flowers}}}\nmodel: {{name: {four_layers}, lrn: fused}}\n"
        f"train: {{epochs: 1, batch_size: 16, device: cpu}}\nrun: {{dir: {run}}}\n"
    )
    tool(train, "-c", tmp_path / "tiny.yml")
    tool(train, "--resume", run, "-o", "train.epochs=2")
    assert [row["epoch"] for row in read_metrics(run / "metrics.jsonl")] == [1, 2]
    net = Classifier.load(weights).net
    assert [name for name, _ in net.named_children()] == [
        "block1", "block2", "flatten", "block3", "out_fc",
    ]  # fmt: skip

    import eval as eval_tool  # named as Python's function
    import export

    for views in (1, 10):
        target = tmp_path / f"{views}.json"
        tool(eval_tool, "--weights", weights, "--data", flowers, "--views", views, "--json", target)
        assert json.loads(target.read_text())["count"] == 5
    images = flowers / "daisy"
    tool(infer, "--weights", weights, images, "--json", tmp_path / "a.json")
    tool(export, "--weights", weights, "--out", tmp_path / "exported")
    tool(infer, "--model", tmp_path / "exported", images, "--json", tmp_path / "b.json")
    ours, exported = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab")
    assert len(ours) == 12
    for one, other in zip(ours, exported, strict=True):
        np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-5)

    words = ("-c", tmp_path / "tiny.yml", "--walk", "--logdir", tmp_path / "graph")
    shown = tool(summary, *words, "-o", "model.num_classes=7")
    rows = trace_shapes(FOUR_LAYERS, 24, 7)
    assert [row.name for row in rows] == ["conv1", "pool1", "conv2", "pool2", "fc3", "fc4"]
    assert all(f"{row.name} " in shown and row.formula in shown for row in rows)
    total = 5 * 5 * 3 * 8 + 8 + 5 * 5 * 8 * 8 + 8 + 5 * 5 * 8 * 16 + 16 + 16 * 7 + 7
    assert f"Total params: {total:,}" in shown
    assert "he_small_head" in tool(logit_spread, "--model", four_layers, "--draws", 1)
    tool(plot_run, run, "--out", tmp_path / "curve.png")
    with pytest.raises(Exception, match=four_layers):
        tool(convert, "--arch", four_layers, weights, tmp_path / "x.pth", "--to", "torch")


@dataclass(frozen=True)
class Invert:
    """An augmentation."""

    def __call__(self, image, rng):
        return 255 - image


def test_an_augmentation(four_layers, flowers, tmp_path, monkeypatch):
    plain = open_run(four_layer_config(flowers, tmp_path / "plain"))
    monkeypatch.setitem(AUGMENTATIONS, "invert", lambda config, preprocessing: Invert())
    run = open_run(four_layer_config(flowers, tmp_path / "inverted"))
    (images, labels), (before, same) = (next(r.batches.epoch(0)) for r in (run, plain))
    np.testing.assert_array_equal(images.numpy(), 255 - before.numpy())
    np.testing.assert_array_equal(labels.numpy(), same.numpy())
    run.fit()


def test_a_schedule(four_layers, flowers, tmp_path, monkeypatch):
    schedule = {"schedule": {"name": "halving"}}
    config = four_layer_config(flowers, tmp_path / "run", **schedule)
    with pytest.raises(ConfigError, match=r"schedule\.name"):
        open_run(config)
    monkeypatch.setitem(SCHEDULES, "halving", Halving)
    open_run(config).fit()
    longer = replace(config, train=replace(config.train, epochs=3))
    open_run(longer, resume=RunDirectory.existing(tmp_path / "run")).fit()
    rates = [row["lr"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl")]
    assert rates == pytest.approx([0.01, 0.005, 0.0025])


def arrays(seed, count=40):
    """Images of two classes, dark and bright, as arrays."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    noise = rng.integers(0, 128, (count, 32, 32, 3))
    return ImageArrays((noise + 127 * labels[:, None, None, None]).astype(np.uint8), labels)


def test_a_data_set(four_layers, tmp_path, monkeypatch):
    """Arrays in memory: nothing but the registry's entry knows where they come from."""

    def source(seed):
        def open_arrays(config):
            train, val = arrays(seed), arrays(seed + 1)
            mark = fingerprint(["dark", "bright"], {"train": train, "val": val})
            return ImageData(["dark", "bright"], train, val, SplitRule(), mark)

        return open_arrays

    config = four_layer_config("nowhere", tmp_path / "run", data={"source": "arrays"})
    with pytest.raises(ConfigError, match=r"data\.source"):
        open_run(config)
    monkeypatch.setitem(DATA_SOURCES, "arrays", source(0))
    open_run(config).fit()
    longer = replace(config, train=replace(config.train, epochs=6, batch_size=16))
    open_run(longer, resume=RunDirectory.existing(tmp_path / "run")).fit()
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]["val/top1"] == 1.0
    # The workers get their part of the arrays, and give the same batches.
    twin = replace(
        longer,
        data=replace(longer.data, workers=1),
        run=RunConfig(dir=str(tmp_path / "twin")),
    )
    open_run(twin).fit()
    rows = [read_metrics(tmp_path / name / "metrics.jsonl")[-1] for name in ("run", "twin")]
    assert rows[0]["train/loss"] == rows[1]["train/loss"]
    # Other images under the same key are not those that the run started with.
    monkeypatch.setitem(DATA_SOURCES, "arrays", source(7))
    with pytest.raises(DataError, match="images or classes"):
        open_run(longer, resume=RunDirectory.existing(tmp_path / "run"))
    shutil.rmtree(tmp_path / "twin")

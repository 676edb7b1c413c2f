"""The nets for CIFAR-10 through every tool, on drawn flowers that are scaled to 32 pixels."""

import json
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "configs" / "cifar" / "13pct.yml"


@pytest.fixture(scope="module")
def weights(tool, flowers, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "13pct"
    changes = (
        *(f"data.root={flowers}", f"run.dir={run}", "schedule.milestones=[1]"),
        *("train.epochs=1", "train.batch_size=16", "train.device=cpu"),
    )
    tool("train", "-c", CONFIG, *(word for change in changes for word in ("-o", change)))
    return run / "best.safetensors"


def test_summary(tool):
    rows = tool("summary", "-c", CONFIG, "-o", "model.num_classes=10", "--walk").stdout
    assert "1,116,490" in rows
    for formula in ("(24 - 3) / 2 + 1 = 12, rounded up", "(6 + 2 - 3) / 1 + 1 = 6"):
        assert formula in rows


@pytest.mark.slow
def test_infer_eval_and_export(tool, weights, flowers, tmp_path):
    words = ["--weights", weights, "--data", flowers, "--views", 10, "--json", "-"]
    figures = json.loads(tool("eval", *words).stdout)
    assert (figures["views"], figures["count"]) == (10, 5)
    tool("export", "--weights", weights, "--out", tmp_path / "out")
    image = next(flowers.rglob("*.*"))
    by_weights, by_export = (
        json.loads(tool("infer", *source, image, "--json", "-").stdout)[0]
        for source in (("--weights", weights), ("--model", tmp_path / "out"))
    )
    assert by_export["label_names"] == by_weights["label_names"]
    assert by_export["scores"] == pytest.approx(by_weights["scores"], abs=1e-4)


def test_convert_names_the_net(tool, weights, tmp_path):
    words = ("--arch", "cifar_13pct", "--to", "torch", weights, tmp_path / "x.npz")
    assert "cifar_13pct" in tool("convert", *words, code=1).stderr

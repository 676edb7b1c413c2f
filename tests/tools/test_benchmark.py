"""tools/benchmark.py from the command line."""

import importlib.util
import json

import pytest


def test_norms(tool, tmp_path):
    words = ["lrn", "--batch", 1, "--rounds", 2, "--json", tmp_path / "a.json"]
    out = tool("benchmark", *words).stdout
    assert "fused" in out
    record = json.loads((tmp_path / "a.json").read_text())
    assert set(record["rows"]) == {"fused", "avgpool3d", "builtin"}
    assert record["environment"]["packages"]["paddlepaddle"]
    assert record["arguments"]["batch"] == 1
    assert all(row["low"] <= row["median"] <= row["high"] for row in record["rows"].values())


def test_gemm_gives_a_rate(tool):
    assert "GFLOP/s" in tool("benchmark", "gemm", "--rounds", 1).stdout


def test_the_reader(tool, tmp_path, flowers):
    words = ["data", "--data", flowers, "--rounds", 1, "--batch", 16, "--json", tmp_path / "a.json"]
    tool("benchmark", *words)
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["unit"] == "pictures/s"
    assert len(record["rows"]) == 7
    assert all(0 < row["low"] <= row["median"] <= row["high"] for row in record["rows"].values())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train", "--model", "lenet"], "alexnet_paper"),
        (["gemm", "--rounds", "0"], "--rounds"),
        (["data", "--data", "no"], "no is not a folder"),
        (["start", "--against", "torch"], "torch"),
        (["gemm", "--json", "no/x.json"], "no folder"),
    ],
)
def test_mistakes(tool, words, part):
    code = 1 if {"--json", "--data"} & set(words) else 2
    assert part in tool("benchmark", *words, code=code).stderr


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch(tool):
    assert "PyTorch" in tool("benchmark", "lrn", "--against", "torch", code=2).stderr

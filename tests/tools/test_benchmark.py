"""tools/benchmark.py from the command line."""

import importlib.util
import json
import re

import pytest

from paddle_alexnet.export.engines import computes_bfloat16

TORCH = importlib.util.find_spec("torch") is not None


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
        (["gemm", "--turn-seconds", "nan"], "--turn-seconds"),
        (["data", "--data", "no"], "no is not a folder"),
        (["start", "--against", "torch"], "start is not compared"),
        (["gemm", "--against", "torch"], "gemm is not compared"),
        (["gemm", "--json", "no/x.json"], "no folder"),
        (["lrn", "--data", "no"], "lrn reads no pictures"),
    ],
)
def test_mistakes(tool, words, part):
    code = 1 if part in ("no folder", "no is not a folder") else 2
    assert part in tool("benchmark", *words, code=code).stderr


@pytest.mark.slow
def test_shares_of_the_rate_of_matrices(tool):
    """The last line is that of the matrices; the others are compared with it."""
    words = ["infer", "--batch", 1, "--rounds", 1, "--turn-seconds", 0, "--model", "alexnet_owt"]
    head, *lines, matrices = tool("benchmark", *words).stdout.splitlines()
    assert re.search(r"paddlepaddle(-gpu)? 3", head)
    assert matrices.startswith("matrices") and matrices.endswith("100% of matrices")
    names = ["exported, float32", "exported, bfloat16", "operator by operator"]
    if not computes_bfloat16():
        names.remove("exported, bfloat16")
    assert [line[:32].strip() for line in lines] == names
    for line in lines:
        ms, rate = (float(line.split(unit)[0].split()[-1]) for unit in (" ms", " GFLOP/s"))
        rounding = 1e6 * (0.05 * rate + 0.5 * ms + 0.025)  # of both figures, as they are shown
        # 0.71 billion multiplications an image, as published for this net.
        assert ms * rate * 1e6 == pytest.approx(2 * 0.714e9, rel=0.01, abs=rounding)


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
def test_ratios_are_to_torch(tool, tmp_path):
    words = ["lrn", "--batch", 1, "--rounds", 2, "--against", "torch"]
    head, *lines = tool("benchmark", *words, "--json", tmp_path / "a.json").stdout.splitlines()
    assert "torch 2" in head
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["environment"]["packages"]["torch"]
    for (name, row), line in zip(record["rows"].items(), lines, strict=True):
        ratio = row["median"] / record["rows"]["torch"]["median"]
        assert line.startswith(name)
        assert float(line.split()[-1]) == pytest.approx(ratio, abs=0.006)


@pytest.mark.skipif(TORCH, reason="torch is installed")
def test_without_torch(tool):
    assert "pip install torch" in tool("benchmark", "lrn", "--against", "torch", code=2).stderr

"""tools/benchmark.py from the command line."""

import importlib.util
import json
import re

import pytest

from paddle_alexnet.export.engines import computes_bfloat16

TORCH = importlib.util.find_spec("torch") is not None


@pytest.mark.slow
def test_norms_and_their_record(tool, tmp_path):
    words = ["lrn", "--batch", 1, "--rounds", 1, "--turn-seconds", 0]
    out = tool("benchmark", *words, "--json", tmp_path / "a.json").stdout
    record = json.loads((tmp_path / "a.json").read_text())
    assert set(record["rows"]) == {"fused", "avgpool3d", "builtin"}
    assert all(name in out for name in record["rows"])
    assert record["environment"]["packages"]["paddlepaddle"]
    assert record["arguments"]["batch"] == 1
    assert all(row["low"] <= row["median"] <= row["high"] for row in record["rows"].values())


@pytest.mark.slow
def test_reading_with_only_json_on_the_terminal(tool, flowers):
    words = ["data", "--data", flowers, "--rounds", 1, "--batch", 16, "--json", "-"]
    record = json.loads(tool("benchmark", *words).stdout)
    assert record["unit"] == "images/s"
    assert record["arguments"]["data"] == str(flowers)
    assert len(record["rows"]) == 4
    assert all(0 < row["low"] <= row["median"] <= row["high"] for row in record["rows"].values())


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["train", "--model", "lenet"], 2, "alexnet_paper"),
        (["gemm", "--rounds", "0"], 2, "--rounds"),
        (["gemm", "--turn-seconds", "nan"], 2, "--turn-seconds"),
        (["data", "--data", "no"], 1, "no is not a folder"),
        (["start", "--against", "torch"], 2, "start is not compared"),
        (["gemm", "--against", "torch"], 2, "gemm is not compared"),
        (["gemm", "--json", "no/x.json"], 1, "no folder"),
        (["lrn", "--data", "no"], 2, "lrn reads no images"),
    ],
)
def test_mistakes(tool, words, code, part):
    assert part in tool("benchmark", *words, code=code).stderr


@pytest.mark.slow
def test_rates_as_percentages_of_that_of_matrices(tool):
    """The last line is that of the matrix product; the others are compared with it."""
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
    words = ["lrn", "--batch", 1, "--rounds", 2, "--turn-seconds", 0, "--against", "torch"]
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

"""tools/export.py and tools/infer.py --model from the command line."""

import json

import pytest


@pytest.mark.slow
def test_the_same_answers_as_the_weights(tool, trained, flowers, tmp_path):
    weights = trained / "best.safetensors"
    out = tool("export", "--weights", weights, "--out", tmp_path / "out").stdout
    assert "top-1 agreement 100.00%" in out
    images = flowers / "tulips"
    rows = [
        json.loads(tool("infer", *words, images, "--json", "-").stdout)
        for words in (["--weights", weights], ["--model", tmp_path / "out"])
    ]
    assert len(rows[0]) == 12
    for want, got in zip(*rows, strict=True):
        assert got["file_name"] == want["file_name"]
        assert got["label_names"] == want["label_names"]
        assert got["scores"] == pytest.approx(want["scores"], abs=1e-5)
    tool("export", "--weights", weights, "--out", tmp_path / "out", code=1)  # kept


@pytest.mark.slow
def test_mistakes(tool, trained, flowers, tmp_path):
    weights = trained / "best.safetensors"
    for name, words, code, part in (
        ("infer", ["--model", tmp_path, "x.png"], 1, "x.png"),
        ("infer", ["--model", tmp_path, flowers], 1, "tools/export.py"),
        ("infer", ["--weights", weights, "--engine", "paddle", flowers], 2, "--engine"),
        ("infer", ["--weights", weights, "--precision", "bfloat16", flowers], 2, "--precision is"),
        ("export", ["--weights", weights, "--out", tmp_path / "a", "--check", "no"], 1, "no"),
        ("export", ["--weights", "no", "--out", tmp_path / "a"], 1, "no"),
        ("export", ["--weights", weights, "--out", tmp_path / "a", "--engine", "x"], 2, "x"),
    ):
        assert part in tool(name, *words, cwd=tmp_path, code=code).stderr
    assert not (tmp_path / "a").exists()

"""tools/convert.py from the command line."""

import json

import numpy as np
import pytest

from paddle_alexnet.nets.weights import read_weights
from tests.interchange.test_conversion import WIDTH, state_of


@pytest.mark.slow
def test_there_and_back(tool, tmp_path):
    wrapped = {f"module._orig_mod.{k}": array for k, array in state_of("alexnet_owt").items()}
    np.savez(tmp_path / "a.npz", n_averaged=np.array(3), **wrapped)
    index = tmp_path / "class_index.json"
    index.write_text(json.dumps({str(i): f"flower {i}" for i in range(7)}))
    arch = ["--arch", "alexnet_owt"]
    words = [*arch, "--width", WIDTH, "--classes", index]
    out = tool("convert", *words, tmp_path / "a.npz", tmp_path / "b.safetensors").stdout
    assert out.endswith("a.npz, without the prefix 'module._orig_mod.' and 'n_averaged'\n")
    _, description = read_weights(tmp_path / "b.safetensors")
    assert description.classes[6] == "flower 6"
    for to, name in (("torch", "c.npz"), ("paddle", "c.pdparams")):
        tool("convert", *arch, "--to", to, tmp_path / "b.safetensors", tmp_path / name)
    with np.load(tmp_path / "c.npz") as file:
        for key, array in state_of("alexnet_owt").items():
            np.testing.assert_array_equal(file[key], array)
    words = [*arch, "--width", WIDTH, tmp_path / "c.pdparams", tmp_path / "d.safetensors"]
    tool("convert", *words)
    first, last = (read_weights(tmp_path / f"{x}.safetensors")[0] for x in "bd")
    for key, array in first.items():
        np.testing.assert_array_equal(last[key], array)


@pytest.mark.slow
def test_mistakes(tool, tmp_path):
    source, target = tmp_path / "a.npz", tmp_path / "b.safetensors"
    np.savez(source, **state_of("alexnet_owt"))
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "empty.txt").write_text("\n")
    arch = ["--arch", "alexnet_owt"]
    for words, code, part in (
        (["--arch", "alexnet_3", source, target], 2, "alexnet_owt"),
        ([*arch, tmp_path / "no.npz", target], 1, "no.npz"),
        ([*arch, source, target], 1, "expected [64, 3, 11, 11]"),
        ([*arch, source, tmp_path / "b.npz"], 1, ".safetensors"),
        ([*arch, "--width", 2, source, target], 2, "width"),
        ([*arch, "--classes", tmp_path / "bad.json", source, target], 1, "bad.json"),
        ([*arch, "--classes", tmp_path / "empty.txt", source, target], 1, "names no class"),
        ([*arch, "--to", "torch", "--width", 0.5, source, target], 2, "--width"),
        ([*arch, "--to", "torch", source, tmp_path / "b.pth"], 1, "a.npz"),
    ):
        assert part in tool("convert", *words, code=code).stderr
    assert not target.exists()
    weights = tmp_path / "b.safetensors"
    weights.write_bytes(b"mine")
    line = tool("convert", *arch, "--to", "torch", weights, weights, code=2).stderr
    assert "written over" in line and weights.read_bytes() == b"mine"

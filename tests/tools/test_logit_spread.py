"""tools/logit_spread.py from the command line."""

import json

import pytest

from paddle_alexnet.nets.init import INITS


@pytest.mark.slow
def test_table_plot_and_figures(tool, tmp_path):
    words = ["--images", 2, "--draws", 1, "--seed", 3, "--json", tmp_path / "a.json"]
    out = tool("logit_spread", *words, "--plot", tmp_path / "a.png").stdout
    assert "2 images of 1/f noise, 1 draws of weights, seed 3" in out
    assert [line.split()[0] for line in out.splitlines()[2:]] == list(INITS)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    figures = json.loads((tmp_path / "a.json").read_text())["pixels on 0..255"]
    assert set(figures) == set(INITS)
    assert list(figures["he"]) == [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"]
    assert (
        figures["paper"]["fc8"]["std_between_images"]
        < figures["he"]["fc8"]["std_between_images"] / 100
    )


@pytest.mark.slow
def test_mistakes(tool):
    for words, part in (
        (["--model", "lenet"], "alexnet_paper"),
        (["--images", 1], "2 or more"),
        (["--seed", -1], "--seed"),
        (["--plot", "same", "--json", "same"], "written over"),
    ):
        assert part in tool("logit_spread", *words, code=2).stderr

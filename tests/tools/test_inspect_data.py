"""tools/inspect_data.py from the command line."""

import json
import os
from pathlib import Path

import numpy as np

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yml"


def test_inspect_data(tool, flowers, tmp_path):
    out = tmp_path / "out"
    done = tool("inspect_data", "-c", CONFIG, "-o", f"data.root={flowers}", "--out", out)
    values = json.loads((out / "inspection.json").read_text())
    assert sum(values["splits"].values()) == 60
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["all"] == [str(count) for count in values["splits"].values()]
    assert lines["daisy"] == [str(values["classes"][0][split]) for split in values["splits"]]
    assert len(os.listdir(out / "classes")) == 5
    assert len(done.stdout.splitlines()) < 15


def test_many_classes_and_a_list_with_a_damaged_file(tool, tmp_path, write_png):
    root = tmp_path / "images"
    rng = np.random.default_rng(0)
    names = {"train": [f"t{n}.png" for n in range(25)], "val": [f"v{n}.png" for n in range(25)]}
    for name in (*names["train"], *names["val"], "more.png"):
        write_png(root / name, rng)
    (root / "bad.png").write_bytes(b"no image")
    for split, files in names.items():
        lines = [f"{name} {label}\n" for label, name in enumerate(files)]
        lines.append("bad.png 8\n" if split == "train" else "more.png 9\n")
        (root / f"{split}.txt").write_text("".join(lines))
    keys = ("data.root=.", "data.train_list=train.txt", "data.val_list=val.txt")
    words = [word for key in keys for word in ("-o", key)]
    done = tool("inspect_data", "-c", CONFIG, *words, "--out", "../out", cwd=root)
    assert len(done.stdout.splitlines()) < 15
    assert "1 listed images cannot be decoded" in done.stdout
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["9"] == ["1", "2"]  # the largest, with class 8, and of them the last
    assert "8" not in lines


def test_mistakes(tool, flowers, tmp_path):
    data = f"data.root={flowers}"
    words = ["-c", CONFIG, "-o", data, "--out", flowers / "out"]
    assert "within the images" in tool("inspect_data", *words, code=1).stderr
    assert not (flowers / "out").exists()
    words = ["-c", CONFIG, "-o", data, "-o", "model.name=resnet", "--out", tmp_path / "out"]
    assert "model.name" in tool("inspect_data", *words, code=2).stderr
    words = ["-c", CONFIG, "-o", "data.root=no", "-o", "data.prepare=none", "--out", "out"]
    assert "not a folder" in tool("inspect_data", *words, cwd=tmp_path, code=1).stderr
    assert os.listdir(tmp_path) == []

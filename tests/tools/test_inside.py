"""tools/explain.py, tools/neighbors.py and tools/figures.py from the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.data.folder import list_images
from paddle_alexnet.nets.weights import read_weights, write_weights


@pytest.fixture
def test_images(flowers):
    return [path for path, _ in list_images(flowers).select("test")][:2]


def refused(tool, *words):
    """The one line with which a tool ends."""
    (line,) = tool(*words, code=2).stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def index(tool, trained, flowers, tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "flowers.safetensors"
    words = ["--weights", trained / "best.safetensors", "--index", path, "--build", flowers]
    assert "block7" in tool("neighbors", *words).stderr
    return path


@pytest.mark.parametrize(
    ("words", "maps"),
    [
        ([], 1),
        (["--layer", "all"], 5),
        (["--layer", "block3", "--class", "roses"], 1),
        (["--method", "saliency"], 1),
        pytest.param(["--method", "occlusion"], 1, marks=pytest.mark.slow),
    ],
)
def test_explain(tool, trained, test_images, tmp_path, words, maps):
    (tmp_path / "text.png").write_text("no image")
    images = [*test_images, tmp_path / "text.png"]
    weights = ["--weights", trained / "best.safetensors", "--save-dir", tmp_path / "out"]
    done = tool("explain", *weights, *words, *images, code=1)
    assert "text.png" in done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()] == test_images
    if "--class" in words:
        assert all(line.split()[1] == "roses" for line in done.stdout.splitlines())
    method = words[1] if "--method" in words else "gradcam"
    files = list((tmp_path / "out").glob(f"*.{method}.annotated.jpg"))
    assert len(files) == 2
    with Image.open(files[0]) as image:
        assert image.size[0] == (1 + maps) * 240
        # Another picture than the photo.
        photo, heat = np.split(np.asarray(image, int)[:240, :480], 2, axis=1)
        assert np.abs(photo - heat).mean() > 5


def test_explain_refuses(tool, trained, test_images, tmp_path):
    words = ["explain", "--weights", trained / "best.safetensors", "--save-dir", tmp_path / "o"]
    words.append(test_images[0])
    line = refused(tool, *words, "--layer", "block6")
    assert "'block6'" in line
    assert "block1, block2, block3, block4, block5" in line
    line = refused(tool, *words, "--class", "tree")
    assert "'tree'" in line
    assert "roses" in line
    assert "--layer" in refused(tool, *words, "--method", "saliency", "--layer", "block1")
    assert not (tmp_path / "o").exists()


def test_neighbors(tool, trained, flowers, index, test_images, tmp_path):
    train = [path for path, _ in list_images(flowers).select("train")]
    words = ["--weights", trained / "best.safetensors", "--index", index, "-k", 3]
    outputs = ["--sheet", tmp_path / "sheet.png", "--json", tmp_path / "near.json"]
    for metric in ("cosine", "euclidean"):
        images = [train[5], *test_images]
        out = tool("neighbors", *words, "--metric", metric, *outputs, *images).stdout
        rows = json.loads((tmp_path / "near.json").read_text())
        assert [row["file_name"] for row in rows] == images
        assert rows[0]["paths"][0] == train[5]
        assert rows[0]["distances"][0] < 0.02
        assert all(row["distances"] == sorted(row["distances"]) for row in rows)
        assert all(path in train for row in rows for path in row["paths"])
        assert rows[2]["paths"][2] in out
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size[0] == 4 * 240 + 24


def test_neighbors_refuses(tool, trained, flowers, index, test_images, tmp_path):
    weights = trained / "best.safetensors"
    words = ["neighbors", "--weights", weights, "--index"]
    assert "--build" in refused(tool, *words, index)
    assert "--layer" in refused(tool, *words, index, "--layer", "block6", test_images[0])
    assert "--split" in refused(tool, *words, index, "--split", "val", test_images[0])
    assert "--json" in refused(tool, *words, index, "--build", flowers, "--json", "a.json")
    before = weights.read_bytes()
    assert "written over" in refused(tool, *words, weights, "--build", flowers)
    other = tmp_path / "other.safetensors"
    other.write_bytes(before)
    assert "no index" in tool(*words, other, "--build", flowers, code=1).stderr
    assert weights.read_bytes() == other.read_bytes() == before
    new = tmp_path / "new"
    line = refused(tool, *words, new, "--build", flowers, "--layer", "block9")
    assert "'block9'" in line
    (line,) = tool(*words, new, test_images[0], code=1).stderr.splitlines()
    assert "--build" in line
    assert not new.exists()


def test_an_index_made_with_other_weights(tool, trained, index, test_images, tmp_path):
    arrays, description = read_weights(trained / "best.safetensors")
    arrays["out_fc.bias"] += 0.5
    write_weights(tmp_path / "other", arrays, description)
    words = ["neighbors", "--weights", tmp_path / "other", "--index", index, test_images[0]]
    (line,) = tool(*words, code=1).stderr.splitlines()
    assert "other weights" in line


@pytest.mark.slow
def test_figures(tool, trained, tmp_path):
    out = tool("figures", trained, "--out", tmp_path / "f").stdout
    names = ["filters.png", "score_bars.png", "neighbors.png"]
    assert [line.rsplit("/", 1)[-1] for line in out.splitlines()] == names
    assert "no" in tool("figures", tmp_path / "no", "--out", tmp_path / "g", code=1).stderr

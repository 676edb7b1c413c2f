"""The paper's figures of a run."""

import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.data.dataset import ImageArrays
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.captions import FontChooser
from paddle_alexnet.figures.figure4 import GAP, TRUE_BAR
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description
from paddle_alexnet.results import paper_figures as module
from paddle_alexnet.results.paper_figures import paper_figures, write_paper_figures
from tests.tiny_run import tiny_run


@pytest.mark.slow
def test_files_of_a_run(flowers, tiny, tmp_path):
    run = tiny_run(flowers, tmp_path / "run")
    written = write_paper_figures(run.directory.path, tmp_path / "new" / "out")
    assert [path.name for path in written] == ["filters.png", "score_bars.png", "neighbors.png"]
    for path in written:
        with Image.open(path) as image:
            assert image.format == "PNG"


def test_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match="not the directory of a run"):
        write_paper_figures(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def images_of(colors):
    return np.stack([np.full((36, 36, 3), color, np.uint8) for color in colors])


def test_an_image_finds_its_likes(tiny, monkeypatch):
    """Val images are also among those for training: each is its own nearest neighbour."""
    monkeypatch.setattr(module, "NEIGHBORS", 2)
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (9, 3))
    train = ImageArrays(images_of(colors), np.arange(9) % 3)
    val = ImageArrays(images_of(colors[:2]), np.array([0, 1]))
    data = ImageData(["a", "b", "c"], train, val, SplitRule(), "")
    net = build_model(tiny, 3)
    classifier = Classifier(net, Description(tiny, ("a", "b", "c"), MODELS[tiny].preprocessing))
    got = paper_figures(classifier, data, FontChooser())
    assert list(got) == ["filters", "score_bars", "neighbors"]
    sheet = got["neighbors"]
    for row in range(2):
        top = row * len(sheet) // 2 + 100
        np.testing.assert_allclose(sheet[top, 100], colors[row], atol=1)
        np.testing.assert_allclose(sheet[top, 100 + 240 + GAP], colors[row], atol=6)  # JPEG
    bars = got["score_bars"]
    np.testing.assert_array_equal(bars[100, 100], colors[0])
    np.testing.assert_array_equal(bars[100, 340], colors[1])
    assert (bars == TRUE_BAR).all(axis=2).any()

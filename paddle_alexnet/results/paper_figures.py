"""The paper's Figures 3 and 4 of a run: filters, val images with bars, nearest training images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from paddle_alexnet.data.dataset import ImageDataset, spread
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.explain.neighbors import FeatureIndex
from paddle_alexnet.figures.captions import FontChooser, grid, write_png
from paddle_alexnet.figures.figure4 import BARS, Cell, neighbor_sheet, score_bars
from paddle_alexnet.figures.filters import draw_filters
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import last_block, layer_features
from paddle_alexnet.results.runs import images_of, read_runs
from paddle_alexnet.storage.files import make_folder

IMAGES, QUERIES, NEIGHBORS = 8, 5, 6  # as in the paper
MOST_TRAINING = 10_000  # images that are searched for neighbours


def write_paper_figures(run: str | Path, out: str | Path) -> list[Path]:
    """Write ``filters.png``, ``score_bars.png`` and ``neighbors.png`` of a run's best weights.

    Args:
        run: Directory of the run; its images are read from where the configuration says.
        out: Folder, made if missing.

    Returns:
        The files.

    Raises:
        DataError: The images cannot be read, or are not those of the run.
        RunError: The run cannot be read, or a file not be written.
        WeightsError: The run has no best weights yet.
    """
    (finished,) = read_runs([run])
    classifier = Classifier.load(finished.directory.best)
    data = images_of(finished, classifier.classes)
    figures = paper_figures(classifier, data, FontChooser())
    folder = make_folder(out)
    for name, image in figures.items():
        write_png(folder / f"{name}.png", image)
    return [folder / f"{name}.png" for name in figures]


def paper_figures(
    classifier: Classifier, data: ImageData, fonts: FontChooser
) -> dict[str, np.ndarray]:
    """Draw the figures.

    Args:
        classifier: The net.
        data: Its images; of more than 10,000 for training as many are searched, evenly spread.
        fonts: For class names.

    Returns:
        uint8 RGB by name: ``filters`` (Figure 3; missing where the first layer is no convolution),
        ``score_bars`` (Figure 4, left) and ``neighbors`` (right; by Euclidean distance in the last
        hidden layer).

    Raises:
        DataError: An image cannot be read.
        WeightsError: A score or a feature is not finite.
    """
    names = fonts.class_names(classifier.classes)
    filters = draw_filters(classifier.net)
    return {
        **({} if filters is None else {"filters": filters}),
        "score_bars": draw_score_bars(classifier, data.val, names, fonts),
        "neighbors": draw_neighbors(classifier, data, names, fonts),
    }


def draw_score_bars(
    classifier: Classifier, images: ImageDataset, names: Sequence[str], fonts: FontChooser
) -> np.ndarray:
    """Eight images, evenly spread, with the true class and five bars."""
    cells = []
    for index in spread(len(images), IMAGES):
        image = images.image(index)
        (scores,) = classifier.scores([image])
        best = np.argsort(-scores, kind="stable")[:BARS]
        shown, true = classifier.preprocessing(image), names[images.label(index)]
        cells.append(score_bars(shown, scores[best], [names[i] for i in best], fonts, true))
    return grid(cells, columns=4)


def draw_neighbors(
    classifier: Classifier, data: ImageData, names: Sequence[str], fonts: FontChooser
) -> np.ndarray:
    """Five val images, evenly spread, each with the six training images of nearest features.

    By Euclidean distance, as in the paper.
    """
    layer = last_block(classifier.net)
    train = data.train.subset(spread(len(data.train), MOST_TRAINING))
    index = FeatureIndex.build(classifier, train, layer, checksum="")
    chosen = spread(len(data.val), QUERIES)
    inputs = np.stack([classifier.preprocessing(data.val.image(place)) for place in chosen])
    found = index.nearest(layer_features(classifier, inputs, layer), NEIGHBORS, "euclidean")
    rows = [
        ((image, [names[data.val.label(place)], ""]), neighbor_cells(index, *nearest, names))
        for place, image, *nearest in zip(chosen, inputs, *found, strict=True)
    ]
    return neighbor_sheet(rows, fonts)


def neighbor_cells(
    index: FeatureIndex, near: np.ndarray, distances: np.ndarray, names: Sequence[str]
) -> list[Cell]:
    """Thumbnails of the index, each with its class and distance.

    Args:
        index: The index.
        near: Of some of its images, int64 [k].
        distances: Of these, float [k].
        names: Of the classes, which a font can show.

    Raises:
        DataError: A thumbnail cannot be decoded.
    """
    return [
        (index.picture(i), [names[index.labels[i]], f"{distance:.3f}"])
        for i, distance in zip(near, distances, strict=True)
    ]

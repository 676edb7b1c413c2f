"""What the board shows of a run beside curves, with ``log.level: full``; docs/board.md lists it.

Each panel is a method. Some are logged once, some after at most ten epochs of a run: the board
keeps ten images and texts of a tag.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.config.load import write_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.batches import EvaluationBatches
from paddle_alexnet.data.dataset import AugmentedDataset, spread
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.captions import RIGHT, WRONG, FontChooser, caption, grid
from paddle_alexnet.figures.filters import draw_filters
from paddle_alexnet.figures.plots import pixels, plot_confusion
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import captured_features, last_block
from paddle_alexnet.nets.block_statistics import measure_blocks
from paddle_alexnet.results.classification import (
    ClassFigures,
    class_figures,
    class_table,
    least_certain,
    mistakes,
    worst_classes,
)
from paddle_alexnet.storage.files import write_text
from paddle_alexnet.training.evaluation import Evaluation, evaluate

logger = logging.getLogger(__name__)

MOST_EPOCHS = 10
PANEL_IMAGES = 8
SAMPLE_IMAGES = 64  # val images for histograms and dead ReLUs
MANY_CLASSES = 20  # above, panels by class show as many of the worst
EMBEDDED_IMAGES = 1000
EMBEDDING_COLUMNS = 50  # principal components


class Panels:
    """The panels of a run.

    Args:
        writer: The board's log; it also says where the run's files are.
        config: All keys.
        augmented: Training images of the current epoch, augmented.
        data: The val images, and the class names.
        classifier: The net as it is at any time.
    """

    def __init__(
        self,
        writer: BoardWriter,
        config: Config,
        augmented: AugmentedDataset,
        data: ImageData,
        classifier: Classifier,
    ) -> None:
        self.writer = writer
        self.config = config
        self.augmented = augmented
        self.data = data
        self.classifier = classifier
        self.fonts = FontChooser()
        self.names = self.fonts.class_names(data.classes)
        self.few_classes = len(data.classes) <= MANY_CLASSES
        self.sample: tuple[np.ndarray, np.ndarray] | None = None

    def start(self, environment: Mapping[str, Any]) -> None:
        """Configuration, environment and data as texts, and the graph of the net."""
        self.writer.text("text/configuration", write_config(self.config), 0)
        self.writer.text("text/environment", json.dumps(environment, indent=2), 0)
        self.writer.text("text/data", describe_data(self.data), 0)
        side = self.classifier.preprocessing.input_size
        try:
            self.writer.graph(self.classifier.net, [-1, 3, side, side])
        except RunError as error:  # the run does not need it
            logger.warning("%s", error)

    def epoch(self, epoch: int, val: Evaluation) -> None:
        """The panels of an epoch, from 1, while the net holds the weights that were evaluated."""
        if self.few_classes:
            self._recalls(range(len(self.names)), val, epoch)
        if epoch == 1:
            chosen = [self.augmented[i][:2] for i in spread(len(self.augmented), PANEL_IMAGES)]
            cells = [caption(image, [self.names[y]], self.fonts) for image, y in chosen]
            self.writer.image("images/train", grid(cells), epoch)
        if epoch not in panel_epochs(self.config.train.epochs):
            return
        self._images("images/val", spread(val.count, PANEL_IMAGES), val, epoch)
        self._images("images/mistakes", worst(val), val, epoch)
        self._images("images/least_certain", least_certain(val.scores, PANEL_IMAGES), val, epoch)
        filters = draw_filters(self.classifier.net)
        if filters is not None:
            self.writer.image("filters/conv1", filters, epoch)
        self._blocks(epoch)
        if self.few_classes:
            figures = class_figures(val.labels, val.predicted, val.scores)
            self._by_class(range(len(self.names)), figures, val, epoch)
            self._confusion(val, epoch)

    def finish(self, best: Path, epoch: int) -> None:
        """Embeddings of the best weights, of ``epoch``; of many classes, the worst."""
        classifier = Classifier.load(best)
        layer = last_block(classifier.net)
        chosen = spread(len(self.data.val), EMBEDDED_IMAGES)
        with captured_features(classifier.net, layer, set(chosen)) as features:
            val = evaluate(
                classifier.net,
                classifier.normalize,
                EvaluationBatches(
                    self.data.val,
                    classifier.preprocessing,
                    batch_size=self.config.train.batch_size,
                    workers=self.config.data.workers,
                ),
                num_classes=len(self.names),
                topk=1,
            )
        columns = {
            "class": [self.data.classes[label] for label in val.labels[chosen]],
            "predicted": [self.data.classes[label] for label in val.predicted[chosen]],
            "image": [self.data.val.name(index) for index in chosen],
        }
        self.writer.embeddings(layer, principal_components(np.concatenate(features)), columns)
        if not self.few_classes:
            figures = class_figures(val.labels, val.predicted, val.scores)
            shown = worst_classes(figures, MANY_CLASSES)
            self._recalls(shown, val, epoch)
            self._by_class(shown, figures, val, epoch)
            rows = [",".join(map(str, row)) for row in val.confusion.tolist()]
            write_text(self.writer.path.with_name("confusion.csv"), "\n".join(rows) + "\n")

    def _images(self, tag: str, indices: Sequence[int], val: Evaluation, epoch: int) -> None:
        """Val images as the net sees them, each with its best class, the score and the truth."""
        cells = []
        for index in indices:
            image = self.classifier.preprocessing(self.data.val.image(index))
            best, true = val.predicted[index], val.labels[index]
            lines = [f"{val.scores[index, best]:.0%} {self.names[best]}"]
            if best != true:
                lines.append(f"true: {val.scores[index, true]:.0%} {self.names[true]}")
            else:
                lines.append("right")
            cells.append(caption(image, lines, self.fonts, RIGHT if best == true else WRONG))
        if cells:  # there may be no mistake
            self.writer.image(tag, grid(cells), epoch)

    def _blocks(self, epoch: int) -> None:
        """Histograms of weights, gradients and activations, and the fraction of dead ReLUs."""
        if self.sample is None:
            chosen = spread(len(self.data.val), SAMPLE_IMAGES)
            images = [self.classifier.preprocessing(self.data.val.image(i)) for i in chosen]
            self.sample = np.stack(images), [self.data.val.label(i) for i in chosen]
        images, labels = self.sample
        inputs = self.classifier.normalize(paddle.to_tensor(images))
        blocks = measure_blocks(
            self.classifier.net, inputs, paddle.to_tensor(labels), self.config.train.batch_size
        )
        for name, block in blocks.items():
            self.writer.histogram(f"weights/{name}", block.weights, epoch)
            self.writer.histogram(f"gradients/{name}", block.gradients, epoch)
            self.writer.histogram(f"activations/{name}", block.activations, epoch)
            if block.dead is not None:
                self.writer.scalar(f"4-dead_relus/{name}", block.dead, epoch)

    def _recalls(self, labels: Sequence[int], val: Evaluation, epoch: int) -> None:
        """The fraction of each class that is recognised, where it has images."""
        for label in labels:
            count = val.confusion[label].sum()
            if count:
                recall = val.confusion[label, label] / count
                self.writer.scalar(f"3-classes/{self.data.classes[label]}", recall, epoch)

    def _by_class(
        self, labels: Sequence[int], figures: Sequence[ClassFigures], val: Evaluation, epoch: int
    ) -> None:
        """A table of precision, recall and F1, and the curves of some classes."""
        classes = self.data.classes
        self.writer.text("text/classes", class_table(classes, figures, labels), epoch)
        for label in labels:
            if figures[label].roc_auc is not None:
                self.writer.curves(classes[label], val.labels == label, val.scores[:, label], epoch)

    def _confusion(self, val: Evaluation, epoch: int) -> None:
        """The confusion matrix, as counts and as fractions of the true class."""
        for tag, normalised in (("counts", False), ("fractions", True)):
            figure = plot_confusion(val.confusion, self.names, normalised=normalised)
            self.writer.image(f"confusion/{tag}", pixels(figure), epoch)


def panel_epochs(epochs: int) -> set[int]:
    """The epochs, from 1, whose panels are logged: at most ten, the first and the last included."""
    return set(np.linspace(1, epochs, min(epochs, MOST_EPOCHS)).round().astype(int).tolist())


def worst(val: Evaluation) -> Sequence[int]:
    """The worst mistakes."""
    return mistakes(val.labels, val.predicted, val.scores)[:PANEL_IMAGES].tolist()


def principal_components(features: np.ndarray) -> np.ndarray:
    """Project rows [N, D] on their first 50 principal components, or as many as there are."""
    centred = features - features.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return (left * values)[:, :EMBEDDING_COLUMNS]


def describe_data(data: ImageData) -> str:
    """How many images each class has for training and validation, as a table."""
    counts = [
        np.bincount([part.label(i) for i in range(len(part))], minlength=len(data.classes))
        for part in (data.train, data.val)
    ]
    width = max(map(len, (*data.classes, "class"))) + 2
    lines = [f"{'class':<{width}}{'train':>9}{'val':>9}"]
    lines += [
        f"{name:<{width}}{train:>9}{val:>9}"
        for name, train, val in zip(data.classes, *counts, strict=True)
    ]
    lines.append(f"{'all':<{width}}{counts[0].sum():>9}{counts[1].sum():>9}")
    return "\n".join([*lines, f"split: {data.split_rule}", f"fingerprint: {data.fingerprint}"])

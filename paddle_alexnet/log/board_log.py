"""A run on the VisualDL board: curves, panels of images, hyper-parameters."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.config.schema import Config, flat_values
from paddle_alexnet.data.dataset import AugmentedDataset
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.figures.captions import RIGHT, WRONG, FontChooser, caption, grid
from paddle_alexnet.inference.classifier import Classifier

PANEL_IMAGES = 12


class BoardLog:
    """Curves by step (``step/*``) and by epoch (the names of metrics.jsonl), panels, settings.

    A new scalar is a line in :meth:`step` or :meth:`epoch`; a new panel a method that
    :meth:`epoch` calls.

    Args:
        logdir: The run's directory.
        augmented: Training images of the current epoch, augmented.
        data: The val images, and the class names.
        classifier: The net as it is at any time.
    """

    def __init__(
        self, logdir: Path, augmented: AugmentedDataset, data: ImageData, classifier: Classifier
    ) -> None:
        self.writer = BoardWriter(logdir)
        self.augmented = augmented
        self.classes = data.classes
        self.classifier = classifier
        self.fonts = FontChooser()
        chosen = _spread(len(data.val))
        self.val_images = [classifier.preprocessing(data.val.image(i)) for i in chosen]
        self.val_labels = [data.val.label(i) for i in chosen]

    def start(self, config: Config) -> None:
        """The hyper-parameters, once a run."""
        self.writer.hparams(flat_values(config), ["val/top1", "val/loss", "train/loss"])
        self.writer.flush()

    def step(self, record: Mapping[str, float]) -> None:
        """A point of each step curve."""
        for key, value in record.items():
            if key != "step":
                self.writer.scalar(f"step/{key}", value, int(record["step"]))
        self.writer.flush()

    def epoch(self, record: Mapping[str, float]) -> None:
        """A point of each epoch curve, and the panels."""
        epoch = int(record["epoch"])
        for key, value in record.items():
            if key != "epoch":
                self.writer.scalar(key, value, epoch)
        gap = record["train/top1"] - record["val/top1"]
        self.writer.scalar("epoch/top1_gap", gap, epoch)
        self.writer.image("panels/train", self._train_panel(), epoch)
        self.writer.image("panels/val", self._val_panel(), epoch)
        self.writer.flush()

    def close(self) -> None:
        """Close the log."""
        self.writer.close()

    def _train_panel(self) -> np.ndarray:
        samples = [self.augmented[i][:2] for i in _spread(len(self.augmented))]
        return grid([caption(image, [self._name(y)], self.fonts) for image, y in samples])

    def _val_panel(self) -> np.ndarray:
        scores = self.classifier.scores_of_inputs(np.stack(self.val_images))
        cells = []
        for image, label, row in zip(self.val_images, self.val_labels, scores, strict=True):
            best = int(row.argmax())
            lines = [f"{row[best]:.0%} {self._name(best)}", f"true: {self._name(label)}"]
            color = RIGHT if best == label else WRONG
            cells.append(caption(image, lines, self.fonts, color))
        return grid(cells)

    def _name(self, label: int) -> str:
        return self.fonts.showable(self.classes[label], f"class {label}")


def _spread(count: int) -> list[int]:
    """Indices of up to 12 of ``count`` images, evenly spread."""
    return np.linspace(0, count - 1, min(PANEL_IMAGES, count), dtype=int).tolist()

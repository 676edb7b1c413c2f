"""A run on the VisualDL board."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.dataset import AugmentedDataset
from paddle_alexnet.figures.captions import RIGHT, WRONG, FontChooser, caption, grid
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer

PANEL_PICTURES = 12


class BoardLog(Callback):
    """Curves per step (``step/*``) and per epoch (the names of metrics.jsonl), pictures, settings.

    Args:
        logdir: The run's directory.
        config: Shown in the hyper-parameter table beside the final metrics.
        view: Augmented training pictures.
        val_images: Val pictures, each with its label.
        predict: From pictures uint8 RGB to softmax scores [N, classes], with the net as it is.
        classes: Class names.
    """

    def __init__(
        self,
        logdir: Path,
        *,
        config: Config,
        view: AugmentedDataset,
        val_images: Sequence[tuple[np.ndarray, int]],
        predict: Callable[[Sequence[np.ndarray]], np.ndarray],
        classes: Sequence[str],
    ) -> None:
        self.writer = BoardWriter(logdir)
        self.config = config
        self.view = view
        self.val_images = val_images
        self.predict = predict
        self.classes = classes
        self.lettering = FontChooser()

    def on_start(self, trainer: Trainer) -> None:
        """The hyper-parameters, once a run."""
        if trainer.progress.step == 0:
            values = {
                f"{section}.{key}": value
                for section, keys in dataclasses.asdict(self.config).items()
                for key, value in keys.items()
            }
            self.writer.hparams(values, ["val/top1", "val/loss", "train/loss"])
            self.writer.flush()

    def on_log(self, trainer: Trainer, record: dict[str, float]) -> None:
        """A point of each step curve."""
        for key, value in record.items():
            if key != "step":
                self.writer.scalar(f"step/{key}", value, int(record["step"]))
        self.writer.flush()

    def on_epoch(self, trainer: Trainer, record: dict[str, float], val: Evaluation) -> None:
        """A point of each epoch curve, and the two panels."""
        epoch = int(record["epoch"])
        for key, value in record.items():
            if key != "epoch":
                self.writer.scalar(key, value, epoch)
        self.writer.image("panels/train", self._train_panel(), epoch)
        self.writer.image("panels/val", self._val_panel(), epoch)
        self.writer.flush()

    def close(self) -> None:
        """Close the log."""
        self.writer.close()

    def _train_panel(self) -> np.ndarray:
        chosen = np.linspace(0, len(self.view) - 1, min(PANEL_PICTURES, len(self.view)), dtype=int)
        samples = [self.view[int(i)][:2] for i in chosen]
        return grid([caption(image, [self._name(y)], self.lettering) for image, y in samples])

    def _val_panel(self) -> np.ndarray:
        scores = self.predict([image for image, _ in self.val_images])
        cells = []
        for (image, label), row in zip(self.val_images, scores, strict=True):
            best = int(row.argmax())
            lines = [f"{row[best]:.0%} {self._name(best)}", f"true: {self._name(label)}"]
            color = RIGHT if best == label else WRONG
            cells.append(caption(image, lines, self.lettering, color))
        return grid(cells)

    def _name(self, label: int) -> str:
        return self.lettering.showable(self.classes[label], f"class {label}")

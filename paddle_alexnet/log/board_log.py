"""A run on the VisualDL board: curves and hyper-parameters; panels where the log is full.

The board orders groups of tags by name and opens the first, so the tags of curves are numbered. A
new scalar is a line of :data:`EPOCH_TAGS` or :data:`STEP_TAGS`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paddle import nn

from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.dataset import AugmentedDataset
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.panels import Panels
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.training.evaluation import Evaluation

# From keys of a row of metrics.jsonl to tags of curves by epoch, in the order of the board.
EPOCH_TAGS = {
    "val/top1": "1-epoch/top1_val",
    "val/loss": "1-epoch/loss_val",
    "train/top1": "1-epoch/top1_train",
    "train/loss": "1-epoch/loss_train",
    "train/img_per_second": "9-speed/img_per_second_train",
    "val/img_per_second": "9-speed/img_per_second_val",
    "train/reader_cost": "9-speed/reader_cost",
}
# From keys of a record of some steps to tags of curves by step.
STEP_TAGS = {
    "loss": "2-step/loss",
    "top1": "2-step/top1",
    "lr": "2-step/lr",
    "batch_cost": "9-speed/batch_cost",
}
METRICS = ("1-epoch/top1_val", "1-epoch/loss_val")  # of the hyper-parameter table


class BoardLog:
    """The board's log of a run.

    Args:
        logdir: The run's directory.
        config: All keys; ``log.level`` says how much is logged.
        augmented: Training images of the current epoch, augmented.
        data: The val images, and the class names.
        classifier: The net as it is at any time.
    """

    def __init__(
        self,
        logdir: Path,
        config: Config,
        augmented: AugmentedDataset,
        data: ImageData,
        classifier: Classifier,
    ) -> None:
        self.writer = BoardWriter(logdir)
        self.config = config
        self.net = classifier.net
        self.panels = None
        if config.log.level == "full":
            self.panels = Panels(self.writer, config, augmented, data, classifier)

    def start(self, environment: Mapping[str, Any]) -> None:
        """What is logged once a run."""
        self.writer.hparams(hyper_parameters(self.config, self.net), METRICS)
        if self.panels is not None:
            self.panels.start(environment)
        self.writer.flush()

    def step(self, record: Mapping[str, float]) -> None:
        """A point of each curve by step."""
        for key, tag in STEP_TAGS.items():
            self.writer.scalar(tag, record[key], int(record["step"]))
        self.writer.flush()

    def epoch(self, record: Mapping[str, float], val: Evaluation) -> None:
        """A point of each curve by epoch, and the panels."""
        epoch = int(record["epoch"])
        topk = {f"val/top{val.k}": f"1-epoch/top{val.k}_val"} if val.topk_tells else {}
        for key, tag in {**EPOCH_TAGS, **topk}.items():
            self.writer.scalar(tag, record[key], epoch)
        if self.panels is not None:
            self.panels.epoch(epoch, val)
        self.writer.flush()

    def finish(self, best: Path, epoch: int) -> None:
        """What is logged of the best weights, of ``epoch``, when the run is done."""
        if self.panels is not None:
            self.panels.finish(best, epoch)
        self.writer.flush()

    def close(self) -> None:
        """Close the log."""
        self.writer.close()


def hyper_parameters(config: Config, net: nn.Layer) -> dict[str, Any]:
    """The columns of the hyper-parameter table: what runs differ in most.

    Without dots in their names, which VisualDL's page takes for paths.
    """
    model, train = config.model, config.train
    rates = [layer.p for layer in net.sublayers() if isinstance(layer, nn.Dropout)]
    init = MODELS[model.name].init if model.init is None else model.init
    return {
        "net": model.name,
        **{f"changed {key}": str(value) for key, value in model.changes.items()},
        "width": model.width,
        "init": "pretrained" if model.pretrained else init,
        "lrn": model.lrn,
        "lr": config.optimizer.lr,
        "batch": train.batch_size * train.accumulate_steps,
        "epochs": train.epochs,
        "decay": config.optimizer.weight_decay,
        "dropout": max(rates, default=0.0),
        "seed": train.seed,
    }

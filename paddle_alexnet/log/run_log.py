"""What a run tells while it trains: metrics.jsonl, the board, the terminal."""

import dataclasses
import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from paddle_alexnet.config.load import read_config, write_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.data.class_names import class_index
from paddle_alexnet.data.pixel_statistics import PixelStatistics, write_pixel_statistics
from paddle_alexnet.data.sources import ImageData
from paddle_alexnet.errors import RunError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.board_log import BoardLog
from paddle_alexnet.log.metrics import append_metrics
from paddle_alexnet.log.run_directory import RunDirectory, rewind
from paddle_alexnet.storage.files import write_text
from paddle_alexnet.training.diagnostics import NonfiniteStep, StallDetector
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.state import TrainState

logger = logging.getLogger(__name__)

SILENCE = 30.0  # seconds without a line, where there is no bar


def open_log(
    run: RunDirectory,
    config: Config,
    *,
    log_sizes: Mapping[str, int] | None,
    data: ImageData,
    statistics: PixelStatistics | None,
    batches: TrainingBatches,
    classifier: Classifier,
    environment: Mapping[str, Any],
) -> "RunLog":
    """Write what describes a run to its directory, cut its logs to the checkpoint, open them.

    Args:
        run: The directory, claimed.
        config: All keys.
        log_sizes: Bytes of each log in the checkpoint that the run continues from; None for a new
            run.
        data: Images and class names.
        statistics: Of the training images, where the run needs them.
        batches: Augmented training batches, of which the board shows some.
        classifier: The net as it is at any time.
        environment: What environment.json is to say.

    Raises:
        RunError: A file cannot be written.
    """
    new = log_sizes is None
    rewind(run, log_sizes or {})
    if new or read_config(run.config) != config:
        write_text(run.config, write_config(config))
    if new:
        write_text(run.class_index, class_index(data.classes))
        if statistics is not None:
            write_pixel_statistics(run.pixels, statistics)
    write_text(run.free_environment(), json.dumps(environment, indent=2))
    labels = [data.train.label(index) for index in range(len(data.train))]
    stall = StallDetector(labels, config.train.label_smoothing)
    board = BoardLog(run.path, config, batches.augmented, data, classifier)
    if new:
        board.start(environment)
    return RunLog(run, config.train.epochs, board, stall)


class RunLog:
    """The logs of a run.

    Args:
        run: Its directory.
        epochs: Epochs of the run.
        board: The board's log.
        stall: Warns of a loss that does not fall.
        out: Gets a line an epoch and, where it is a terminal, a bar, else a line from time to time;
            None for stderr.
    """

    def __init__(
        self,
        run: RunDirectory,
        epochs: int,
        board: BoardLog,
        stall: StallDetector,
        out: TextIO | None = None,
    ) -> None:
        self.run = run
        self.epochs = epochs
        self.board = board
        self.stall = stall
        self.out = sys.stderr if out is None else out
        self.bar: tqdm | None = None

    def start_epoch(self, state: TrainState, images: int, done: int) -> None:
        """Show a bar of ``images``, of which ``done`` were seen before the run was resumed."""
        self.told = time.monotonic()
        self.bar = tqdm(
            total=images,
            initial=done,
            desc=f"epoch {state.epoch + 1}/{self.epochs}",
            unit="img",
            file=self.out,
            disable=not self.out.isatty(),
            leave=False,
            dynamic_ncols=True,
        )

    def advance(self, images: int) -> None:
        """Move the bar after a step."""
        self.bar.update(images)

    def step(self, record: Mapping[str, float]) -> None:
        """A point of the step curves: means over ``train.log_every_steps`` steps."""
        self.stall.check(int(record["step"]), record["loss"])
        self.board.step(record)
        text = f"loss {record['loss']:.3f}, top-1 {record['top1']:.1%}, lr {record['lr']:.2g}"
        self.bar.set_postfix_str(text)
        if self.bar.disable and time.monotonic() - self.told > SILENCE:
            self.told = time.monotonic()
            self.out.write(f"step {record['step']}: {text}\n")
            self.out.flush()

    def nonfinite(self, step: NonfiniteStep, *, skipping: bool) -> None:
        """Write ``nonfinite-<step>.json``; warn where the step is skipped."""
        _write_report(self.run.nonfinite(step.step), dataclasses.asdict(step))
        if skipping:
            logger.warning("skipped: %s", step.describe())

    def nonfinite_val(self, epoch: int, loss: float) -> None:
        """Write ``nonfinite-val-<epoch>.json``."""
        _write_report(self.run.nonfinite_val(epoch), {"epoch": epoch, "loss": loss})

    def epoch(self, record: Mapping[str, float], val: Evaluation) -> None:
        """The row of an epoch, while the net holds the weights that were evaluated."""
        append_metrics(self.run.metrics, record)
        self.board.epoch(record, val)
        self.close_bar()
        seconds = record["train/seconds"] + record["val/seconds"]
        left = tqdm.format_interval(int(seconds * (self.epochs - record["epoch"])))
        topk = f" top-{val.k} {val.topk:.2%}" if val.topk_tells else ""
        self.out.write(
            f"epoch {record['epoch']}/{self.epochs}: "
            f"train loss {record['train/loss']:.4f} top-1 {record['train/top1']:.2%}, "
            f"val loss {val.loss:.4f} top-1 {val.top1:.2%}{topk}, "
            f"lr {record['lr']:.2g}, {record['train/img_per_second']:.1f} img/s, "
            f"waiting for images {record['train/reader_cost'] * 1000:.0f} ms a step, {left} left\n"
        )
        self.out.flush()

    def finish(self, state: TrainState) -> None:
        """What is logged when all epochs are done."""
        self.board.finish(self.run.best, state.best_epoch)

    def close_bar(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()

    def close(self) -> None:
        """Close all logs."""
        self.close_bar()
        self.board.close()


def _write_report(path: Path, values: Mapping[str, Any]) -> None:
    try:
        write_text(path, json.dumps(values, indent=2))
    except RunError as error:
        logger.warning("%s", error)  # what follows says more

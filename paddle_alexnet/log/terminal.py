"""A run on the terminal."""

import sys
from typing import TextIO

from tqdm import tqdm

from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Trainer


class ProgressBar(Callback):
    """A bar an epoch on a terminal, and one line an epoch everywhere.

    Args:
        out: Where to; a bar is shown only where it is a terminal.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = sys.stderr if out is None else out
        self.bar: tqdm | None = None

    def on_update(self, trainer: Trainer, images: int) -> None:
        """Advance, with a new bar for a new epoch."""
        if self.bar is None:
            before = trainer.progress.epoch_step - 1
            self.bar = tqdm(
                total=trainer.batches.images,
                initial=before * trainer.images_per_update,
                desc=f"epoch {trainer.progress.epoch + 1}/{trainer.epochs}",
                unit="img",
                file=self.out,
                disable=not self.out.isatty(),
                leave=False,
                dynamic_ncols=True,
            )
        self.bar.update(images)

    def on_log(self, trainer: Trainer, record: dict[str, float]) -> None:
        """Show loss, top-1 and rate."""
        if self.bar is not None:
            self.bar.set_postfix_str(
                f"loss {record['loss']:.3f}, top-1 {record['top1']:.1%}, lr {record['lr']:.2g}"
            )

    def on_epoch(self, trainer: Trainer, record: dict[str, float], val: Evaluation) -> None:
        """The epoch's line."""
        self._close_bar()
        self.out.write(
            f"epoch {record['epoch']}/{trainer.epochs}: "
            f"train loss {record['train/loss']:.4f} top-1 {record['train/top1']:.2%}, "
            f"val loss {val.loss:.4f} top-1 {val.top1:.2%} top-{val.k} {val.topk:.2%}, "
            f"lr {record['lr']:.2g}, {record['train/img_per_second']:.1f} img/s, "
            f"reader {record['train/reader_cost'] * 1000:.0f} ms a step, "
            f"{_time_left(trainer, record)} left\n"
        )
        self.out.flush()

    def close(self) -> None:
        """Take the bar away."""
        self._close_bar()

    def _close_bar(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _time_left(trainer: Trainer, record: dict[str, float]) -> str:
    seconds = record["train/seconds"] + record["val/seconds"]
    return tqdm.format_interval(int(seconds * (trainer.epochs - trainer.progress.epoch)))

"""The training loop. It knows nothing of files and boards: callbacks do."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.errors import RunError
from paddle_alexnet.runtime.ranks import ALONE, Ranks
from paddle_alexnet.training.averaging import WeightAverage
from paddle_alexnet.training.callbacks import Callback, Progress
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.schedule import Schedule

DROPOUT_STREAM = 2  # beside the streams of paddle_alexnet.data.batches


class Interrupted(Exception):
    """Training stopped because it was asked to."""


@dataclass
class Trainer:
    """Trains a net.

    Attributes:
        net: What is trained.
        step: Loss and hits of a batch; see :class:`paddle_alexnet.training.step.TrainingStep`.
        normalize: From a uint8 batch, and its colour shifts where it has them, to the net's input,
            on the device.
        optimizer: Its rate is set before every update.
        schedule: Gives that rate.
        batches: Augmented training batches.
        evaluate: Measures ``net`` on the val pictures.
        epochs: Passes over the training images.
        accumulate_steps: Batches an update.
        seed: Of dropout.
        average: Running average of the weights, which is evaluated then; or None.
        callbacks: Told what happens, in order.
        should_stop: Asked after every update.
        log_every_steps: Updates between two ``on_log``.
        ranks: Processes that each see a share of every batch.
        progress: Where to start.
    """

    net: nn.Layer
    step: Callable[[paddle.Tensor, paddle.Tensor], tuple[paddle.Tensor, paddle.Tensor]]
    normalize: nn.Layer
    optimizer: paddle.optimizer.Optimizer
    schedule: Schedule
    batches: TrainingBatches
    evaluate: Callable[[], Evaluation]
    epochs: int
    accumulate_steps: int = 1
    seed: int = 0
    average: WeightAverage | None = None
    callbacks: Sequence[Callback] = ()
    should_stop: Callable[[], bool] = lambda: False
    log_every_steps: int = 10
    ranks: Ranks = ALONE
    progress: Progress = field(default_factory=Progress)

    @property
    def steps_per_epoch(self) -> int:
        """Updates an epoch."""
        return -(-len(self.batches) // self.accumulate_steps)

    @property
    def images_per_update(self) -> int:
        """Images an update; the last of an epoch may see fewer."""
        return self.batches.batch_size * self.accumulate_steps

    def fit(self) -> None:
        """Train until ``epochs`` are completed.

        Raises:
            Interrupted: ``should_stop`` said so; the callbacks have been told.
            RunError: The loss is no longer finite.
        """
        try:
            self._tell("on_start")
            while self.progress.epoch < self.epochs:
                self._train_epoch()
                self._end_epoch()
        finally:
            for callback in self.callbacks:
                callback.close()

    def _train_epoch(self) -> None:
        progress = self.progress
        self.net.train()
        first = progress.epoch_step * self.accumulate_steps
        batches = self.batches.epoch(progress.epoch, first)
        # Losses stay on the device until they are logged, so a GPU need not wait for Python.
        pending: list[tuple[paddle.Tensor, paddle.Tensor, int]] = []
        waited = 0.0
        window_start = start = time.perf_counter()
        for group in _groups(batches, self.accumulate_steps):
            waited += time.perf_counter() - start
            pending.append(self._update(group))
            progress.step += 1
            progress.epoch_step += 1
            self._tell("on_update", pending[-1][2])
            stop = self.ranks.any(self.should_stop())
            last = progress.epoch_step == self.steps_per_epoch
            if stop or last or progress.step % self.log_every_steps == 0:
                self._log(pending, waited, window_start)
                pending, waited, window_start = [], 0.0, time.perf_counter()
            if stop and not last:
                self._tell("on_interrupt")
                raise Interrupted
            start = time.perf_counter()

    def _update(self, group: list[list[paddle.Tensor]]) -> tuple[paddle.Tensor, paddle.Tensor, int]:
        """One update from a few batches; sums of loss and hits on the device, and images."""
        # Dropout is told by (seed, step) alone, so a resumed run draws the same.
        paddle.seed(_stream_seed(self.seed, self.progress.step, self.ranks.rank))
        self.schedule.apply(self.optimizer, self.progress.step)
        count = self._images_of_update()
        loss_sum = paddle.zeros([])
        correct = paddle.zeros([], "int64")
        for images, labels, *shifts in group:
            loss, hits = self.step(self.normalize(images, *shifts), labels)
            # The mean over the whole group and all processes, as if it were one batch.
            (loss / count).backward()
            loss_sum += loss.detach()
            correct += hits
        self.ranks.add_up([parameter.grad for parameter in self.net.parameters()])
        self.optimizer.step()
        self.optimizer.clear_grad(set_to_zero=False)
        if self.average is not None:
            self.average.update(self.progress.step)
        return loss_sum, correct, count

    def _images_of_update(self) -> int:
        """In all processes together."""
        done = self.progress.epoch_step * self.images_per_update
        return min(self.images_per_update, self.batches.images - done)

    def _log(
        self,
        pending: list[tuple[paddle.Tensor, paddle.Tensor, int]],
        waited: float,
        window_start: float,
    ) -> None:
        images = sum(count for _, _, count in pending)
        loss, correct = self.ranks.total(
            [
                sum(loss.item() for loss, _, _ in pending),
                sum(hits.item() for _, hits, _ in pending),
            ]
        )
        seconds = time.perf_counter() - window_start
        lr = float(self.optimizer.get_lr())
        if not math.isfinite(loss):
            raise RunError(
                f"the loss is no longer finite after update {self.progress.step} (lr {lr:g}): "
                "lower optimizer.lr, lengthen schedule.warmup_epochs or set optimizer.clip_norm"
            )
        totals = self.progress.totals
        for key, value in (
            ("loss", loss),
            ("correct", correct),
            ("images", images),
            ("reader_seconds", waited),
            ("seconds", seconds),
        ):
            totals[key] = totals.get(key, 0.0) + value
        record = {
            "step": self.progress.step,
            "lr": lr,
            "loss": loss / images,
            "top1": correct / images,
            "img_per_second": images / seconds,
            "reader_cost": waited / len(pending),
            "batch_cost": seconds / len(pending),
        }
        self._tell("on_log", record)

    def _end_epoch(self) -> None:
        progress, totals = self.progress, self.progress.totals
        lr = float(self.optimizer.get_lr())
        progress.epoch += 1
        progress.epoch_step, progress.totals = 0, {}
        held = self.average.in_place() if self.average is not None else contextlib.nullcontext()
        with held:
            start = time.perf_counter()
            val = self.evaluate()
            record = {
                "epoch": progress.epoch,
                "step": progress.step,
                "lr": lr,
                "train/loss": totals["loss"] / totals["images"],
                "train/top1": totals["correct"] / totals["images"],
                "train/img_per_second": totals["images"] / totals["seconds"],
                "train/reader_cost": totals["reader_seconds"] / self.steps_per_epoch,
                "train/seconds": totals["seconds"],
                "val/loss": val.loss,
                "val/top1": val.top1,
                f"val/top{val.k}": val.topk,
                "val/img_per_second": val.count / (time.perf_counter() - start),
                "val/seconds": time.perf_counter() - start,
            }
            self.schedule.end_epoch(1 - val.top1)
            self._tell("on_epoch", record, val)
        self._tell("on_epoch_saved")
        if self.ranks.any(self.should_stop()) and progress.epoch < self.epochs:
            self._tell("on_interrupt")
            raise Interrupted

    def _tell(self, event: str, *args: object) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *args)


def _groups(
    batches: Iterator[list[paddle.Tensor]], size: int
) -> Iterator[list[list[paddle.Tensor]]]:
    """Lists of ``size`` batches; the last may be shorter."""
    while group := list(itertools.islice(batches, size)):
        yield group


def _stream_seed(seed: int, step: int, rank: int) -> int:
    # Processes drop different values; one that is alone draws as if there were no ranks.
    words = [seed, DROPOUT_STREAM, step, *([rank] if rank else [])]
    return int(np.random.SeedSequence(words).generate_state(1)[0])

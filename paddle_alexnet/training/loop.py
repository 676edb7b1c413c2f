"""The training loop. It knows nothing of files and boards: callbacks do."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import paddle
from paddle import nn

from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.errors import RunError
from paddle_alexnet.runtime.distributed import ALONE, Ranks
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.diagnostics import (
    MOST_SKIPPED,
    NonfiniteStep,
    gradient_norm,
    gradient_norms,
)
from paddle_alexnet.training.dropout_seed import dropout_seed
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.optimizer import ExponentialMovingAverage
from paddle_alexnet.training.schedule import Schedule
from paddle_alexnet.training.state import RunningMean, TrainState


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
        noise_epochs: The first epochs have colour noise, so many; None for all.
        accumulate_steps: Batches an update.
        seed: Of dropout.
        average: Running average of the weights, which is evaluated then; or None.
        callbacks: Told what happens, in order.
        should_stop: Asked after every update.
        log_every_steps: Updates between two ``on_log``.
        save_every_steps: Updates between two ``on_save`` within an epoch; None for none.
        skip_nonfinite: Leave out an update whose loss or gradient is not finite, rather than stop.
        scale_loss: Scale it while gradients are taken, as those in float16 want.
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
    noise_epochs: int | None = None
    accumulate_steps: int = 1
    seed: int = 0
    average: ExponentialMovingAverage | None = None
    callbacks: Sequence[Callback] = ()
    should_stop: Callable[[], bool] = lambda: False
    log_every_steps: int = 10
    save_every_steps: int | None = None
    skip_nonfinite: bool = False
    scale_loss: bool = False
    ranks: Ranks = ALONE
    progress: TrainState = field(default_factory=TrainState)

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
            RunError: A loss or a gradient is not finite; the update was not made.
        """
        with contextlib.ExitStack() as closing:
            for callback in reversed(self.callbacks):
                closing.callback(callback.close)
            self._tell("on_start")
            while self.progress.epoch < self.epochs:
                self._train_epoch()
                self._end_epoch()

    def _train_epoch(self) -> None:
        progress = self.progress
        self.net.train()
        first = progress.epoch_step * self.accumulate_steps
        mark = time.perf_counter()
        noisy = self.noise_epochs is None or progress.epoch < self.noise_epochs
        batches = self.batches.epoch(progress.epoch, first, noisy)
        for group in _groups(batches, self.accumulate_steps):
            waited = time.perf_counter() - mark
            images = self._update(group)
            progress.step += 1
            progress.epoch_step += 1
            for tally in (progress.window, progress.totals):
                tally.reader_seconds += waited
                tally.seconds += time.perf_counter() - mark
            mark = time.perf_counter()
            self._tell("on_update", images)
            stop = self.ranks.any(self.should_stop())
            last = progress.epoch_step == self.steps_per_epoch
            if last or progress.step % self.log_every_steps == 0:
                self._log()
            every = self.save_every_steps
            if not last and (stop or (every is not None and progress.step % every == 0)):
                self._tell("on_save")
            if stop and not last:
                raise Interrupted

    def _update(self, group: list[list[paddle.Tensor]]) -> int:
        """One update from a few batches, counted in the tallies; returns its images."""
        progress = self.progress
        # Dropout is told by (seed, step) alone, so a resumed run draws the same.
        paddle.seed(dropout_seed(self.seed, progress.step, self.ranks.rank))
        self.schedule.apply(self.optimizer, progress.step)
        count = self._images_of_update()
        scale = progress.loss_scale if self.scale_loss else None
        loss_sum = paddle.zeros([])
        correct_sum = paddle.zeros([], "int64")
        for images, labels, *shifts in group:
            loss, hits = self.step(self.normalize(images, *shifts), labels)
            # The mean over the whole group and all processes, as if it were one batch.
            mean = loss / count
            (mean if scale is None else mean * scale.value).backward()
            loss_sum += loss.detach()
            correct_sum += hits
        parameters = self.net.parameters()
        self.ranks.all_reduce_([parameter.grad for parameter in parameters])
        loss, correct = self.ranks.all_reduce_sum([loss_sum.item(), correct_sum.item()])
        if scale is not None:
            scale.undo(parameters)
        # Before the update: one that is not finite would spoil all weights for good.
        if math.isfinite(loss) and math.isfinite(gradient_norm(parameters)):
            self.optimizer.step()
            if self.average is not None:
                self.average.update(progress.step)
            progress.skipped = 0
            if scale is not None:
                scale.passed()
            for tally in (progress.window, progress.totals):
                tally.add(count, loss, correct)
        elif scale is None or not math.isfinite(loss) or not scale.lower():
            # The loss itself is not scaled: where it is not finite, no other scale helps.
            self._refuse(loss / count)
        self.optimizer.clear_grad(set_to_zero=False)
        return count

    def _images_of_update(self) -> int:
        """In all processes together."""
        done = self.progress.epoch_step * self.images_per_update
        return min(self.images_per_update, self.batches.images - done)

    def _refuse(self, loss: float) -> None:
        """Report the update under way, which is not finite; the caller leaves it out.

        Raises:
            RunError: To be stopped for, or one of too many in a row.
        """
        progress = self.progress
        update = NonfiniteStep(
            progress.step + 1,
            float(self.optimizer.get_lr()),
            loss,
            gradient_norms(self.net),
            self.batches.names(
                progress.epoch, progress.epoch_step * self.accumulate_steps, self.accumulate_steps
            ),
        )
        progress.skipped += 1
        self._tell("on_nonfinite", update)
        if progress.skipped >= MOST_SKIPPED or not self.skip_nonfinite:
            raise RunError(update.explain(progress.skipped, skipping=self.skip_nonfinite))

    def _log(self) -> None:
        window, self.progress.window = self.progress.window, RunningMean()
        if not window.updates:
            return  # all were skipped
        record = {
            "step": self.progress.step,
            "lr": float(self.optimizer.get_lr()),
            "loss": window.loss / window.images,
            "top1": window.correct / window.images,
            "img_per_second": window.images / window.seconds,
            "reader_cost": window.reader_seconds / window.updates,
            "batch_cost": window.seconds / window.updates,
        }
        self._tell("on_log", record)

    def _end_epoch(self) -> None:
        progress, totals = self.progress, self.progress.totals
        lr = float(self.optimizer.get_lr())
        progress.epoch += 1
        progress.epoch_step, progress.totals = 0, RunningMean()
        if not totals.updates:
            amp = " or set train.amp=none" if self.scale_loss else ""
            raise RunError(
                f"no update of epoch {progress.epoch} was finite: lower optimizer.lr{amp}"
            )
        held = self.average.in_place() if self.average is not None else contextlib.nullcontext()
        with held:
            start = time.perf_counter()
            val = self.evaluate()
            seconds = time.perf_counter() - start
            if not math.isfinite(val.loss):
                raise RunError(
                    f"the val loss after epoch {progress.epoch} is {val.loss}: start a new run "
                    "(model.pretrained=best.safetensors keeps the best weights) with a lower "
                    "optimizer.lr or with optimizer.clip_norm"
                )
            record = {
                "epoch": progress.epoch,
                "step": progress.step,
                "lr": lr,
                "train/loss": totals.loss / totals.images,
                "train/top1": totals.correct / totals.images,
                "train/img_per_second": totals.images / totals.seconds,
                "train/reader_cost": totals.reader_seconds / totals.updates,
                "train/seconds": totals.seconds,
                "val/loss": val.loss,
                "val/top1": val.top1,
                f"val/top{val.k}": val.topk,
                "val/img_per_second": val.count / seconds,
                "val/seconds": seconds,
            }
            self.schedule.end_epoch(1 - val.top1)
            self._tell("on_epoch", record, val)
        self._tell("on_save")
        if self.ranks.any(self.should_stop()) and progress.epoch < self.epochs:
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

"""A training run from top to bottom: data, net, optimizer, schedule, loop, log, evaluate, save.

:func:`open_run` builds everything from a configuration; :meth:`Run.fit` is the loop. What they call
are plain functions and small objects with one job. Nothing is registered and nothing is called
back: what happens in a step or an epoch stands here, in the order in which it happens.
"""

import contextlib
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paddle
from paddle import nn

from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.pixel_statistics import ColorNoise
from paddle_alexnet.data.sources import measure_statistics, open_data
from paddle_alexnet.data.transforms import build_augmentation
from paddle_alexnet.errors import RunError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.environment import describe_environment
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.log.run_log import RunLog, open_log
from paddle_alexnet.nets.layers import Normalize
from paddle_alexnet.nets.towers import update_whole
from paddle_alexnet.nets.weights import Description
from paddle_alexnet.randomness import dropout_seed
from paddle_alexnet.runtime.cpu import hand_back_after
from paddle_alexnet.runtime.device import check_amp, choose_device
from paddle_alexnet.runtime.distributed import ALONE, Ranks
from paddle_alexnet.training.checkpoint import (
    describe_weights,
    open_checkpoint,
    save_best,
    write_checkpoint,
)
from paddle_alexnet.training.diagnostics import NonfiniteStep, gradient_norms, squared_gradient_norm
from paddle_alexnet.training.evaluation import Evaluation, evaluate
from paddle_alexnet.training.initial_weights import find_start, initial_net
from paddle_alexnet.training.optimizer import (
    ExponentialMovingAverage,
    build_optimizer,
    clip_gradients,
)
from paddle_alexnet.training.schedule import Schedule, build_schedule, check_schedule
from paddle_alexnet.training.state import RunningMean, TrainState, epoch_record
from paddle_alexnet.training.step import build_step

MAX_SKIPPED = 10  # steps in a row that are not finite are no accident of one batch


class Interrupted(Exception):
    """Training stopped because it was asked to; a checkpoint was written."""


def open_run(
    config: Config,
    *,
    resume: RunDirectory | None = None,
    name: str = "run",
    cpu_settings: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
) -> "Run":
    """Build a run that is ready to :meth:`Run.fit`.

    Args:
        config: All keys.
        resume: Directory of a run to continue. A new run's is made last, so that a mistake leaves
            nothing behind. Only rank 0 has one and writes.
        name: Of the directory, ``runs/<name>``, where ``run.dir`` is null.
        cpu_settings: For the record; see :func:`paddle_alexnet.runtime.cpu.speed_up`.
        should_stop: Asked once a step.
        ranks: The processes that train together; the device is chosen before they meet.

    Raises:
        AlexNetError: Something does not fit; the message names the key or file.
    """
    with contextlib.ExitStack() as on_failure:
        # What can be checked before any image is read.
        device = choose_device(config.train.device)
        check_amp(config.train.amp, device)
        check_schedule(config.schedule)
        ranks = ranks.sharing(config.train.parallel)
        if ranks.first and resume is not None:
            resume.claim()
            on_failure.callback(resume.release)
        elif ranks.first:
            RunDirectory.check_free(config.run.dir)
        checkpoint = open_checkpoint(resume, config)
        config, start = find_start(config, checkpoint and checkpoint.inherited())

        # Data and net. A mistake in the net's keys is found before statistics are measured.
        preprocessing = start.preprocessing
        data = open_data(config, ranks)
        paddle.seed(config.train.seed)
        net, whole = initial_net(config, data, start, ranks)

        # Batches: augmented for training; for validation as in use.
        stored = resume.pixels if checkpoint is not None else None
        statistics = measure_statistics(data, config, preprocessing, ranks, stored)
        noise = ColorNoise.build(config.augment.color_noise, statistics)
        size, workers = config.train.batch_size, config.data.workers
        loading = {"batch_size": size, "workers": workers, "share": ranks.data.share}
        augmentation, draw = build_augmentation(config.augment, preprocessing), noise and noise.draw
        batches = TrainingBatches(
            data.train, augmentation, seed=config.train.seed, draw_offset=draw, **loading
        )
        val_batches = EvaluationBatches(data.val, preprocessing, **loading)

        # What a weights file says beside the weights; with it the net is a classifier.
        description = describe_weights(config, data, start, statistics)
        classifier = Classifier(whole, description)

        # Step (net and loss, perhaps compiled), optimizer, schedule, moving average.
        step, compile_kind = build_step(net, config.train)
        decay, noise_divisor = config.optimizer.average, noise.divisor if noise else 1.0
        run = Run(
            config=config,
            net=net,
            whole=whole,
            normalize=Normalize(description.mean, preprocessing.std, noise_divisor),
            step=step,
            optimizer=build_optimizer(config.optimizer, net),
            schedule=build_schedule(config, len(batches)),
            batches=batches,
            evaluate=lambda: evaluate(
                *(net, classifier.normalize, val_batches),
                num_classes=len(data.classes),
                topk=config.train.topk,
                ranks=ranks.data,
            ),
            average=None if decay is None else ExponentialMovingAverage(net, decay),
            description=description,
            fingerprint=data.fingerprint,
            should_stop=should_stop,
            ranks=ranks,
        )
        # Where a resumed run stands; then directory and logs.
        if checkpoint is not None:
            checkpoint.restore(run)
        if ranks.first:
            run.directory = resume or RunDirectory.create(config.run.dir, name)
            on_failure.callback(run.directory.release)
            environment = describe_environment(cpu_settings or {}, device)
            run.log = open_log(
                run.directory,
                config,
                log_sizes=checkpoint and checkpoint.log_sizes(),
                data=data,
                statistics=statistics,
                batches=batches,
                classifier=classifier,
                environment={**environment, "compile": compile_kind},
            )
        on_failure.pop_all()
    return run


@dataclass
class Run:
    """The parts of a training run, and the loop over them."""

    config: Config
    net: nn.Layer  # gives logits [N, classes]
    whole: nn.Layer  # for logs and files: the net, or of two towers a copy on rank 0
    normalize: Callable[..., paddle.Tensor]  # uint8 batch (and RGB offsets) -> the net's input
    step: Callable[..., tuple[paddle.Tensor, paddle.Tensor]]  # input, labels -> summed loss, hits
    optimizer: paddle.optimizer.Optimizer
    schedule: Schedule  # sets the learning rate before every step
    batches: TrainingBatches
    evaluate: Callable[[], Evaluation]  # of the net, on the val images
    average: ExponentialMovingAverage | None = None  # evaluated and saved in place of the weights
    description: Description | None = None  # what a weights file says beside the weights
    fingerprint: str = ""  # hash of the data, for the checkpoint
    should_stop: Callable[[], bool] = lambda: False  # asked once a step
    ranks: Ranks = ALONE  # processes that share every batch, or the net
    state: TrainState = field(default_factory=TrainState)  # all of it is in the checkpoint
    directory: RunDirectory | None = None  # None but on rank 0; so is the log
    log: RunLog | None = None  # metrics.jsonl, board and terminal

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps an epoch."""
        return math.ceil(len(self.batches) / self.config.train.accumulate_steps)

    @property
    def images_per_step(self) -> int:
        """Images of all ranks in a step; the last of an epoch may have fewer."""
        return self.batches.batch_size * self.config.train.accumulate_steps

    def fit(self) -> None:
        """Train until ``train.epochs`` are complete.

        Raises:
            Interrupted: ``should_stop`` was true; a checkpoint was written.
            RunError: A step is not finite and may not be skipped, or a file cannot be written.
        """
        first_step = self.state.step
        try:
            hand_back_after(0)
            while self.state.epoch < self.config.train.epochs:
                self._train_epoch(first_step)
                self._end_epoch()
            if self.log is not None:
                self.log.finish(self.state)
        finally:
            if self.log is not None:
                self.log.close()
            if self.directory is not None:
                self.directory.release()

    def _train_epoch(self, first_step: int) -> None:
        """Make the steps of an epoch, from where the state stands in it."""
        state, train = self.state, self.config.train
        first = state.epoch_step * train.accumulate_steps
        batches = self.batches.epoch(state.epoch, first, self.schedule.color_noise(state.epoch))
        if self.log is not None:
            self.log.start_epoch(state, self.batches.images, first * self.batches.batch_size)
        self.net.train()
        mark = time.perf_counter()
        while group := list(itertools.islice(batches, train.accumulate_steps)):
            waited = time.perf_counter() - mark
            images, stop = self._train_step(group)
            state.step += 1
            state.epoch_step += 1
            for mean in (state.window, state.totals):
                mean.reader_seconds += waited
                mean.seconds += time.perf_counter() - mark
            mark = time.perf_counter()
            hand_back_after(state.step - first_step)

            last = state.epoch_step == self.steps_per_epoch
            if self.log is not None:
                self.log.advance(images)
            if last or state.step % train.log_every_steps == 0:
                window, state.window = state.window, RunningMean()
                if window.steps and self.log is not None:  # else all were skipped
                    lr = float(self.optimizer.get_lr())
                    self.log.step({"step": state.step, "lr": lr, **window.means()})
            due = train.save_every_steps and state.step % train.save_every_steps == 0
            if not last and (stop or due):
                self._save()
            if not last and stop:
                raise Interrupted

    def _train_step(self, group: list[list[paddle.Tensor]]) -> tuple[int, bool]:
        """One optimizer step on a group of batches; returns its images, and whether to stop."""
        state = self.state
        # Dropout depends only on (seed, step, rank), so a resumed run draws the same.
        paddle.seed(dropout_seed(self.config.train.seed, state.step, self.ranks.data.rank))
        self.schedule.apply(self.optimizer, state.step)
        done = state.epoch_step * self.images_per_step
        count = min(self.images_per_step, self.batches.images - done)
        scale = state.loss_scale if self.config.train.amp == "float16" else None

        # Forward and backward. The mean is over the group and all ranks, as if it were one batch.
        loss_sum, hit_sum = paddle.zeros([]), paddle.zeros([], "int64")
        for images, labels, *offsets in group:
            loss, hits = self.step(self.normalize(images, *offsets), labels)
            mean = loss / count
            (mean if scale is None else mean * scale.value).backward()
            loss_sum += loss.detach()
            hit_sum += hits
        parameters = self.net.parameters()
        self.ranks.data.all_reduce_([parameter.grad for parameter in parameters])
        if scale is not None:
            scale.undo(parameters)

        # The step's one transfer from the device.
        stop = paddle.full([], float(self.should_stop()), "float64")
        sums = paddle.stack([loss_sum.astype("float64"), hit_sum.astype("float64"), stop])
        self.ranks.data.all_reduce_([sums])
        norm = paddle.stack([squared_gradient_norm(parameters).astype("float64"), sums[2]])
        self.ranks.towers.all_reduce_([norm])
        loss, hits, _, squared_norm, stop = paddle.concat([sums, norm]).numpy().tolist()

        # Checked before the weights change: a step that is not finite would spoil them for good.
        if math.isfinite(loss) and math.isfinite(squared_norm):
            clip_gradients(parameters, math.sqrt(squared_norm), self.config.optimizer.clip_norm)
            self.optimizer.step()
            if self.average is not None:
                self.average.update(state.step)
            state.skipped = 0
            if scale is not None:
                scale.passed()
            for mean in (state.window, state.totals):
                mean.add(count, loss, hits)
        elif scale is None or not math.isfinite(loss) or not scale.lower():
            self._skip(loss / count)  # no other scale helps, as the loss itself is not scaled
        self.optimizer.clear_grad(set_to_zero=False)
        return count, stop > 0

    def _skip(self, loss: float) -> None:
        """Leave out the current step, which is not finite.

        Raises:
            RunError: ``train.on_nonfinite`` is stop, or it is one of too many in a row.
        """
        state, train = self.state, self.config.train
        first = state.epoch_step * train.accumulate_steps
        names = self.batches.names(state.epoch, first, train.accumulate_steps)
        lr, norms = float(self.optimizer.get_lr()), gradient_norms(self.net, self.ranks.towers)
        step = NonfiniteStep(state.step + 1, lr, loss, norms, names)
        state.skipped += 1
        skipping = train.on_nonfinite == "skip"
        if self.log is not None:
            self.log.nonfinite(step, skipping=skipping)
        if state.skipped >= MAX_SKIPPED or not skipping:
            raise RunError(step.explain(state.skipped, skipping=skipping))

    def _end_epoch(self) -> None:
        """Evaluate, log, keep the best weights, save."""
        state, totals = self.state, self.state.totals
        state.epoch += 1
        state.epoch_step, state.totals = 0, RunningMean()
        if not totals.steps:
            raise RunError(
                f"no step of epoch {state.epoch} was finite: lower optimizer.lr"
                + (" or set train.amp=none" if self.config.train.amp == "float16" else "")
            )
        with self.average.in_place() if self.average else contextlib.nullcontext():
            start = time.perf_counter()
            val, seconds = self.evaluate(), time.perf_counter() - start
            if not math.isfinite(val.loss):
                if self.log is not None:
                    self.log.nonfinite_val(state.epoch, val.loss)
                raise RunError(val.explain_nonfinite(state.epoch))
            update_whole(self.net, self.whole)
            self.schedule.end_epoch(1 - val.top1)
            record = epoch_record(state, float(self.optimizer.get_lr()), totals, val, seconds)
            if self.log is not None:
                self.log.epoch(record, val)
            if val.top1 > state.best_top1:  # of equals the first is kept
                state.best_top1, state.best_epoch = val.top1, state.epoch
                if self.directory is not None:
                    save_best(self.directory, self.whole, self.description, record, self.config)
        self._save()
        if self.ranks.any(self.should_stop()) and state.epoch < self.config.train.epochs:
            raise Interrupted

    def _save(self) -> None:
        """Write the checkpoint; after the logs, as it holds their sizes."""
        write_checkpoint(self.directory, self)

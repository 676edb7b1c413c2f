"""From a configuration to a run: data, net, update, log, in this order."""

import contextlib
import dataclasses
import functools
import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.config.load import read_config, write_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.list_files import class_index
from paddle_alexnet.data.pixel_statistics import (
    ColorNoise,
    read_pixel_statistics,
    write_pixel_statistics,
)
from paddle_alexnet.data.sources import measure_statistics, needs_pixel_statistics, open_data
from paddle_alexnet.data.transforms import build_augmentation
from paddle_alexnet.errors import ConfigError, RunError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.board_log import PANEL_PICTURES, BoardLog
from paddle_alexnet.log.environment import describe_environment
from paddle_alexnet.log.metrics import MetricsFile, read_metrics
from paddle_alexnet.log.run_directory import RunDirectory, rewind
from paddle_alexnet.log.terminal import ProgressBar
from paddle_alexnet.nets.layers import Normalize
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import HEAD, Description, load_arrays, read_weights
from paddle_alexnet.runtime.device import check_amp, choose_device
from paddle_alexnet.runtime.distributed import ALONE, Ranks
from paddle_alexnet.storage.files import write_text
from paddle_alexnet.training.checkpoint import read_state
from paddle_alexnet.training.checkpoints_old import Checkpoints
from paddle_alexnet.training.evaluation import evaluate
from paddle_alexnet.training.freed_memory import FreedMemory
from paddle_alexnet.training.loop import Trainer
from paddle_alexnet.training.optimizer import ExponentialMovingAverage, build_optimizer
from paddle_alexnet.training.schedule import Schedule, noise_epochs
from paddle_alexnet.training.stall_old import Warnings
from paddle_alexnet.training.step import TrainingStep, choose_compile, compile_step

logger = logging.getLogger(__name__)


def assemble(
    config: Config,
    make_run: Callable[[], RunDirectory],
    *,
    resume: bool = False,
    cpu_speed: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
) -> tuple[Trainer, RunDirectory | None]:
    """Make a trainer that is ready to ``fit()``, and the run's directory with its description.

    Of several processes only the first has a directory and writes.

    Args:
        config: All settings.
        make_run: Gives the run's directory, once; for a new run when everything else is known to
            be in order, so that a mistake leaves nothing behind.
        resume: Go on from the directory's state; from the start where it was killed before the
            first was saved.
        cpu_speed: For the record; see :func:`paddle_alexnet.runtime.cpu.speed_up`.
        should_stop: Asked between updates.
        ranks: The processes that train together; the device is chosen by whoever made them meet.

    Raises:
        ConfigError, DataError, WeightsError, RunError: Something does not fit; the text says what.
    """
    with contextlib.ExitStack() as failing:

        def make() -> RunDirectory:
            made = make_run()
            failing.callback(made.release)
            return made

        run = make() if resume else None
        if run is not None and ranks.first:
            run.claim()
        assembled = _assemble(
            config,
            make,
            run=run,
            cpu_speed=cpu_speed or {},
            should_stop=should_stop,
            ranks=ranks,
        )
        failing.pop_all()
    return assembled


def _assemble(
    config: Config,
    make_run: Callable[[], RunDirectory],
    *,
    run: RunDirectory | None,
    cpu_speed: dict[str, Any],
    should_stop: Callable[[], bool],
    ranks: Ranks,
) -> tuple[Trainer, RunDirectory | None]:
    device = choose_device(config.train.device)
    check_amp(config.train.amp, device)
    if config.model.name not in MODELS:
        raise ConfigError(f"model.name: unknown {config.model.name!r}; choose {', '.join(MODELS)}")
    state = read_state(run) if run is not None and run.has_state() else None
    if state is not None:
        state.check_config(config)
    elif run is not None:
        _check_begun(run)
    inputs = open_data(config, ranks)
    preprocessing = MODELS[config.model.name].preprocessing
    num_classes = len(inputs.classes)
    paddle.seed(config.train.seed)
    # Before the pictures are read for their mean: a mistake is found in seconds.
    net = _build_net(config, num_classes, start=state is None)
    known = state is not None and needs_pixel_statistics(config)
    pixels = (
        read_pixel_statistics(run.pixels, preprocessing.resize)
        if known
        else measure_statistics(inputs, config, preprocessing, ranks)
    )
    noise = None
    if config.augment.color_noise != "none" and pixels is not None:
        noise = ColorNoise.make(config.augment.color_noise, pixels)
    loading = {
        "batch_size": config.train.batch_size,
        "workers": config.data.workers,
        "share": ranks.share,
    }
    batches = TrainingBatches(
        inputs.train,
        build_augmentation(config.augment, preprocessing),
        seed=config.train.seed,
        noise=noise,
        **loading,
    )
    description = Description(
        config.model.name,
        tuple(inputs.classes),
        preprocessing,
        inputs.split_rule,
        width=config.model.width,
        mean_image=(
            pixels.mean_crop(preprocessing.input_size).astype(np.float32)
            if pixels is not None and config.data.mean == "image"
            else None
        ),
    )
    classifier = Classifier(net, description)
    decay = config.optimizer.average
    kind, reason = choose_compile(config.train.compile, net)
    amp = (config.train.amp, config.train.amp_level)
    if reason is not None:
        logger.info("train.compile is none: %s", reason)
    trainer = Trainer(
        net=net,
        step=compile_step(TrainingStep(net, config.train.label_smoothing, *amp), kind),
        normalize=Normalize(
            description.mean, preprocessing.std, noise.divisor if noise is not None else 1.0
        ),
        optimizer=build_optimizer(config.optimizer, net),
        schedule=Schedule(
            config.schedule,
            peak_lr=config.optimizer.lr,
            epochs=config.train.epochs,
            steps_per_epoch=-(-len(batches) // config.train.accumulate_steps),
        ),
        batches=batches,
        evaluate=functools.partial(
            evaluate,
            net,
            classifier.normalize,
            EvaluationBatches(inputs.val, preprocessing, **loading),
            num_classes=num_classes,
            topk=config.train.topk,
            ranks=ranks,
        ),
        epochs=config.train.epochs,
        noise_epochs=noise_epochs(config.schedule),
        accumulate_steps=config.train.accumulate_steps,
        seed=config.train.seed,
        average=None if decay is None else ExponentialMovingAverage(net, decay),
        should_stop=should_stop,
        log_every_steps=config.train.log_every_steps,
        save_every_steps=config.train.save_every_steps,
        skip_nonfinite=config.train.on_nonfinite == "skip",
        scale_loss=config.train.amp == "float16",
        ranks=ranks,
    )
    pictures = inputs.fingerprint
    history = {} if state is None else state.restore(trainer, pictures)
    trainer.callbacks = [FreedMemory()]
    if not ranks.first:
        return trainer, None
    run = make_run() if run is None else run
    rewind(run, history)
    if state is None or read_config(run.config) != config:
        write_text(run.config, write_config(config))
    if state is None:
        write_text(run.class_index, class_index(inputs.classes))
        if pixels is not None:
            write_pixel_statistics(run.pixels, pixels)
    environment = {**describe_environment(cpu_speed, device), "compile": kind}
    write_text(run.free_environment(), json.dumps(environment, indent=2))
    val = inputs.val
    labels = [inputs.train.label(index) for index in range(len(inputs.train))]
    chosen = np.linspace(0, len(val) - 1, min(PANEL_PICTURES, len(val)), dtype=int)
    trainer.callbacks += [
        Warnings(run, labels, config.train.label_smoothing),
        MetricsFile(run.metrics),
        BoardLog(
            run.path,
            config=config,
            view=batches.augmented,
            val_images=[(preprocessing(val.image(int(i))), val.label(int(i))) for i in chosen],
            predict=lambda images: classifier.scores_of_inputs(np.stack(images)),
            classes=inputs.classes,
        ),
        Checkpoints(run, functools.partial(_with_record, description, config), config, pictures),
        ProgressBar(),
    ]
    return trainer, run


def _check_begun(run: RunDirectory) -> None:
    """Let a run that was killed before its first save start again, and no other.

    Raises:
        RunError: It has results that starting again would remove.
    """
    if run.metrics.exists() and len(read_metrics(run.metrics)) > 1:
        raise RunError(
            f"{run.path} has results, but its state is missing: start a new run with "
            f"model.pretrained={run.best}"
        )
    logger.info("%s was not saved yet: it starts again", run.path)


def _build_net(config: Config, num_classes: int, *, start: bool) -> nn.Layer:
    """The net; with ``start`` as a run starts, else about to be given a run's state."""
    keys = config.model
    try:
        net = build_model(
            keys.name,
            num_classes,
            lrn=keys.lrn,
            init=keys.init,
            width=keys.width,
            dropout=keys.dropout,
            channels_last=config.train.channels_last,
            blank=not start,
        )
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    if start and keys.pretrained is not None:
        arrays, source = read_weights(keys.pretrained)
        if (source.architecture, source.width) != (keys.name, keys.width):
            raise WeightsError(
                f"{keys.pretrained} holds {source.architecture} of width {source.width}, but "
                f"model.name is {keys.name} and model.width {keys.width}"
            )
        if len(source.classes) != num_classes and not keys.skip_head:
            raise WeightsError(
                f"{keys.pretrained} knows {len(source.classes)} classes, the data has "
                f"{num_classes}: model.skip_head=true takes over all but the last layer"
            )
        load_arrays(net, arrays, keys.pretrained, head=HEAD if keys.skip_head else None)
    return net


def _with_record(description: Description, config: Config, record: dict[str, float]) -> Description:
    """The metadata of weights: what they are, and how good they were on val."""
    figures = {key: record[key] for key in ("epoch", "step", "val/top1", "val/loss")}
    return dataclasses.replace(description, training={**figures, "seed": config.train.seed})

"""From a configuration to a run: data, net, update, log, in this order."""

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.config.keys import AugmentKeys, Config, ModelKeys
from paddle_alexnet.config.reading import write_config
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.flower_folder import FlowerFolder, class_index
from paddle_alexnet.data.listing import list_images
from paddle_alexnet.data.prepare import prepare
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.data.transforms import (
    ColorJitter,
    Compose,
    RandomCrop,
    RandomResizedCrop,
    Transform,
    random_flip,
)
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.models import MODELS, build_model
from paddle_alexnet.nets.weights import Description, load_arrays, read_weights
from paddle_alexnet.run.board_log import PANEL_PICTURES, BoardLog
from paddle_alexnet.run.checkpoints import Checkpoints, read_state
from paddle_alexnet.run.directory import RunDirectory
from paddle_alexnet.run.environment import describe_environment
from paddle_alexnet.run.metrics_file import MetricsFile
from paddle_alexnet.run.progress import ProgressBar
from paddle_alexnet.runtime.device import choose_device
from paddle_alexnet.storage.writing import write_text
from paddle_alexnet.training.averaging import WeightAverage
from paddle_alexnet.training.evaluation import evaluate
from paddle_alexnet.training.loop import Trainer
from paddle_alexnet.training.optimizer import build_optimizer
from paddle_alexnet.training.schedule import Schedule


def assemble(
    config: Config,
    make_run: Callable[[], RunDirectory],
    *,
    resume: bool = False,
    cpu_speed: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Trainer, RunDirectory]:
    """Make a trainer that is ready to ``fit()``, and the run's directory with its description.

    Args:
        config: All settings.
        make_run: Gives the run's directory; called when everything else is known to be in order,
            so that a mistake leaves no empty run behind.
        resume: Go on from the directory's state.
        cpu_speed: For the record; see :func:`paddle_alexnet.runtime.cpu.speed_up`.
        should_stop: Asked between updates.

    Raises:
        ConfigError, DataError, WeightsError, RunError: Something does not fit; the text says what.
    """
    device = choose_device(config.train.device)
    if config.model.name not in MODELS:
        raise ConfigError(f"model.name: unknown {config.model.name!r}; choose {', '.join(MODELS)}")
    preprocessing = MODELS[config.model.name].preprocessing
    prepare(config.data.root, config.data.prepare)
    rule = SplitRule(config.data.split, config.data.val_rate, config.train.seed)
    listing = list_images(config.data.root, rule)
    classes = listing.classes
    num_classes = _check_classes(config, classes)
    train = FlowerFolder(listing, "train")
    val = FlowerFolder(listing, "val", preprocessing)

    paddle.seed(config.train.seed)
    net = _build_net(config.model, num_classes, start=not resume)
    batches = TrainingBatches(
        train,
        training_transform(config.augment, preprocessing.input_size),
        batch_size=config.train.batch_size,
        seed=config.train.seed,
        workers=config.data.workers,
    )
    val_batches = EvaluationBatches(
        val, batch_size=config.train.batch_size, workers=config.data.workers
    )
    description = Description(
        config.model.name, tuple(classes), preprocessing, rule, width=config.model.width
    )
    classifier = Classifier(net, description)
    decay = config.optimizer.average
    trainer = Trainer(
        net=net,
        normalize=classifier.normalize,
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
            val_batches,
            num_classes=num_classes,
            topk=config.train.topk,
        ),
        epochs=config.train.epochs,
        accumulate_steps=config.train.accumulate_steps,
        label_smoothing=config.train.label_smoothing,
        seed=config.train.seed,
        average=None if decay is None else WeightAverage(net, decay),
        should_stop=should_stop,
        log_every_steps=config.train.log_every_steps,
    )
    run = make_run()
    if resume:
        read_state(run.state, trainer, listing.digest)
    else:
        write_text(run.config, write_config(config))
        write_text(run.class_index, class_index(classes))
    environment = describe_environment(cpu_speed or {}, device)
    write_text(run.free_environment(), json.dumps(environment, indent=2))
    chosen = np.linspace(0, len(val) - 1, min(PANEL_PICTURES, len(val)), dtype=int)
    trainer.callbacks = [
        MetricsFile(run.metrics),
        BoardLog(
            run.path,
            config=config,
            view=batches.view,
            val_images=[val[int(i)] for i in chosen],
            predict=lambda images: classifier.scores_of_inputs(np.stack(images)),
            classes=classes,
        ),
        Checkpoints(run, functools.partial(_with_record, description, config), listing.digest),
        ProgressBar(),
    ]
    return trainer, run


def training_transform(keys: AugmentKeys, size: int) -> Transform:
    """The random change of a training picture, to uint8 RGB [size, size, 3]."""
    if keys.crop == "random":
        steps: list[Transform] = [RandomCrop(size)]
    else:
        steps = [RandomResizedCrop(size, scale=(keys.min_area, 1.0))]
    if keys.flip:
        steps.append(random_flip)
    jitter = ColorJitter(keys.brightness, keys.contrast, keys.saturation, keys.hue)
    if jitter != ColorJitter():
        steps.append(jitter)
    return Compose(steps)


def _check_classes(config: Config, classes: list[str]) -> int:
    if len(classes) < 2:
        raise DataError(
            f"{config.data.root} has only one class ({classes[0]}): a classifier needs a folder "
            "of images for each of at least two"
        )
    wanted = config.model.num_classes
    if wanted is not None and wanted != len(classes):
        raise ConfigError(
            f"model.num_classes is {wanted}, but {config.data.root} has {len(classes)} classes: "
            "leave the key out to take them from the data"
        )
    return len(classes)


def _build_net(keys: ModelKeys, num_classes: int, *, start: bool) -> nn.Layer:
    """The net; with ``start`` as a run starts, else about to be given a run's state."""
    try:
        net = build_model(
            keys.name,
            num_classes,
            lrn=keys.lrn,
            init=keys.init,
            width=keys.width,
            dropout=keys.dropout,
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
        load_arrays(net, arrays, keys.pretrained, head="out_fc" if keys.skip_head else None)
    return net


def _with_record(description: Description, config: Config, record: dict[str, float]) -> Description:
    """The metadata of weights: what they are, and how good they were on val."""
    figures = {key: record[key] for key in ("epoch", "step", "val/top1", "val/loss")}
    return dataclasses.replace(description, training={**figures, "seed": config.train.seed})

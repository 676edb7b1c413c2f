"""What a run begins with: initial, pretrained, or about to be restored from a checkpoint."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from paddle import nn

from paddle_alexnet.config.schema import Config, ModelConfig
from paddle_alexnet.data.folder import some
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.sources import ImageData, data_source
from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.nets.changes import apply_changes
from paddle_alexnet.nets.init import INITS, OLD_NAMES
from paddle_alexnet.nets.lrn import LRN_KINDS
from paddle_alexnet.nets.registry import MODELS, Model, build_model
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.towers import Tower, tower_stages
from paddle_alexnet.nets.weights import Description, load_arrays, read_weights
from paddle_alexnet.runtime.distributed import ALONE, Ranks

log = logging.getLogger(__name__)


def find_model(config: Config) -> Model:
    """The registry's entry for ``model.name``.

    Raises:
        ConfigError: There is none, ``model.init`` or ``model.lrn`` is unknown, ``model.changes``
            does not fit it, it has no towers for ``train.parallel``, or ``optimizer.weight_decay``
            names a layer that it has not.
    """
    name, decays = config.model.name, config.optimizer.weight_decay
    if name not in MODELS:
        raise ConfigError(f"model.name: unknown {name!r}; choose {', '.join(MODELS)}")
    known = {"init": (INITS, (None, *OLD_NAMES)), "lrn": (LRN_KINDS, ())}
    for key, (names, read_too) in known.items():
        if (value := getattr(config.model, key)) not in (*names, *read_too):
            raise ConfigError(f"model.{key}: unknown {value!r}; choose {', '.join(names)}")
    model = MODELS[name]
    try:
        stages = apply_changes(model.stages, config.model.changes, name)
    except ValueError as error:
        raise ConfigError(f"model.{error}") from error
    if config.train.parallel == "towers":
        try:
            tower_stages(stages, ALONE)
        except ValueError as error:
            raise ConfigError(
                f"train.parallel: towers: {name} {error}; choose model.name=alexnet_2012, whose "
                "norms stay inside its two towers, or train.parallel=data"
            ) from error
    if isinstance(decays, Mapping):
        rows = trace_shapes(model.stages, model.preprocessing.input_size, num_classes=2)
        layers = [row.name for row in rows if row.parameters]
        unknown = [layer for layer in decays if layer not in layers]
        if unknown:
            raise ConfigError(
                f"optimizer.weight_decay: {name} has no layer {unknown[0]!r}; choose from "
                + ", ".join(layers)
            )
    return model


@dataclass(frozen=True)
class Start:
    """What is known before any image is read.

    Attributes:
        preprocessing: Of ``model.pretrained``, else the net's own.
        mean_image: Of ``model.pretrained``, unless ``data.mean`` is set; or None.
        restored: Whether a checkpoint follows, with all weights.
        pretrained: What ``model.pretrained`` says of itself; None without one, and if restored.
        arrays: Its weights by name.
    """

    preprocessing: Preprocessing
    mean_image: np.ndarray | None = None
    restored: bool = False
    pretrained: Description | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def find_start(
    config: Config, inherited: tuple[Preprocessing | None, np.ndarray | None] | None
) -> tuple[Config, Start]:
    """Find what a run begins with; the configuration gets ``data.sample_bits`` of the weights.

    Args:
        config: All keys.
        inherited: What a checkpoint says of preprocessing and mean image; None for a new run.

    Raises:
        ConfigError: As :func:`find_model`.
        WeightsError: ``model.pretrained`` cannot be read or is of another net.
    """
    keys = config.model
    own = find_model(config).preprocessing
    if inherited is not None:
        preprocessing, mean = inherited
        mean = mean if config.data.mean is None else None
        return config, Start(preprocessing or own, mean, restored=True)
    if keys.pretrained is None:
        return config, Start(own)
    arrays, source = read_weights(keys.pretrained)
    theirs = source.architecture, source.width, source.changes
    if theirs != (keys.name, keys.width, keys.changes):
        raise WeightsError(
            f"{keys.pretrained} holds {source.architecture!r} of width {source.width} and changes "
            f"{source.changes}, but model.name is {keys.name}, model.width {keys.width} and "
            f"model.changes {keys.changes}"
        )
    if source.preprocessing.input_size != own.input_size:
        raise WeightsError(
            f"{keys.pretrained} takes images of {source.preprocessing.input_size} pixels, "
            f"{keys.name} takes {own.input_size}"
        )
    mean = source.mean_image if config.data.mean is None else None
    taken = ["preprocessing"] * (source.preprocessing != own) + ["mean image"] * (mean is not None)
    if taken:
        log.info("from %s: weights, %s", keys.pretrained, ", ".join(taken))
    if config.data.sample_bits is None:
        data = replace(config.data, sample_bits=source.sample_bits)
        config = replace(config, data=data)
    return config, Start(source.preprocessing, mean, False, source, arrays)


def initial_net(
    config: Config, data: ImageData, start: Start, ranks: Ranks = ALONE
) -> tuple[nn.Layer, nn.Layer]:
    """Build the net of a run.

    Args:
        config: All keys; ``model.name`` is known.
        data: The images, one logit for each class.
        start: From :func:`find_start`; if restored, all weights stay at 0.
        ranks: The processes that share the batches or the net.

    Returns:
        What this process trains, and the net with all weights, for logs and files. They are one,
        but of two towers: there rank 0 has a copy, which training does not change.

    Raises:
        ConfigError: A key of the model is out of its range, or images that validated
            ``model.pretrained`` would be trained on.
        WeightsError: ``model.pretrained`` does not fit.
    """
    keys = config.model
    try:
        net = build_model(
            keys.name,
            len(data.classes),
            lrn=keys.lrn,
            init=keys.init,
            width=keys.width,
            dropout=keys.dropout,
            changes=keys.changes,
            channels_last=config.train.channels_last,
            blank=start.restored,
        )
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    if start.pretrained is not None:
        _check_split(config, data, start.pretrained)
        arrays = dict(start.arrays)
        if not keys.skip_head:
            order = _class_order(keys, start.pretrained.classes, data.classes)
            for name in filter(lambda name: name.startswith(f"{net.head}."), start.arrays):
                if arrays[name].ndim and arrays[name].shape[-1] == len(order):
                    arrays[name] = arrays[name][..., order]
        load_arrays(net, arrays, keys.pretrained, head=net.head if keys.skip_head else None)
    if ranks.towers.count == 1:
        return net, net
    tower = Tower(net, ranks.towers, lrn=keys.lrn, dropout=keys.dropout)
    return tower, net if ranks.first else tower


def _class_order(keys: ModelConfig, theirs: tuple[str, ...], ours: list[str]) -> list[int]:
    """For each class of the data its place among those of the weights.

    Raises:
        WeightsError: They are not the same classes.
    """
    doubled = [name for name, count in Counter(theirs).items() if count > 1]
    if set(theirs) != set(ours) or (doubled and list(theirs) != ours):
        numbers = all(name.isdecimal() for name in theirs)
        only = {"the weights": set(theirs) - set(ours), "the data": set(ours) - set(theirs)}
        differ = [
            f"only in {where} {some(sorted(names))}" for where, names in only.items() if names
        ]
        raise WeightsError(
            f"{keys.pretrained} has {len(theirs)} classes, the data has {len(ours)}: "
            "model.skip_head=true loads all but the last layer; "
            + ("; ".join(differ) or f"doubled: {some(doubled)}")
            + ("; tools/convert.py --classes gives classes names" if numbers else "")
        )
    place = {name: index for index, name in enumerate(theirs)}
    return list(range(len(ours))) if list(theirs) == ours else [place[name] for name in ours]


def _check_split(config: Config, data: ImageData, source: Description) -> None:
    """Check that val images of the weights stay unseen: else validation says what was learned.

    Raises:
        ConfigError: Some would be trained on.
    """
    keys, rule, theirs = config.model, asdict(data.split_rule), asdict(source.data_split)
    differ = [name for name in rule if rule[name] != theirs[name]]
    if rule["split"] == theirs["split"] == "hash":
        differ = []  # it does not depend on the rest
    key = {"split": "data.split", "val_rate": "data.val_rate", "seed": "data.split_seed"}
    cure = "divide them as then: "
    cure += " ".join(f"-o {key[name]}={theirs[name]}" for name in differ)
    if not (data.by_rule and differ):
        place = "the lists" if data_source(config) == "lists" else "train/ and val/"
        cure = f"keep them in val, by {place}"
    marks = data.marks.get("train", np.zeros(0, np.uint64))
    places = np.flatnonzero(np.isin(marks, np.array(source.val_marks, np.uint64)))
    if places.size:
        names = some([data.train.name(int(place)) for place in places])
        raise ConfigError(
            f"{keys.pretrained} was validated on images that would be trained on now: {names}; "
            + cure
        )
    if differ and not source.val_marks and set(source.classes) == set(data.classes):
        text = (
            "%s may have been validated on images that are trained on now; if they are the same: %s"
        )
        log.warning(text, keys.pretrained, cure)

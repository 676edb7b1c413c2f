"""The net a run begins with: initial, pretrained, or about to be restored from a checkpoint."""

from collections.abc import Mapping, Sequence

from paddle import nn

from paddle_alexnet.config.schema import Config, ModelConfig
from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.nets.registry import MODELS, Model, build_model
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.weights import load_arrays, read_weights


def find_model(config: Config) -> Model:
    """The registry's entry for ``model.name``.

    Raises:
        ConfigError: There is none, or ``optimizer.weight_decay`` names a layer that it has not.
    """
    name, decays = config.model.name, config.optimizer.weight_decay
    if name not in MODELS:
        raise ConfigError(f"model.name: unknown {name!r}; choose {', '.join(MODELS)}")
    model = MODELS[name]
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


def initial_net(config: Config, classes: Sequence[str], *, restored: bool) -> nn.Layer:
    """Build the net of a run.

    Args:
        config: All keys; ``model.name`` is known.
        classes: Class names of the data, one logit each.
        restored: Leave all weights at 0, as a checkpoint follows.

    Raises:
        ConfigError: A key of the model is out of its range.
        WeightsError: ``model.pretrained`` cannot be read or does not fit.
    """
    keys = config.model
    try:
        net = build_model(
            keys.name,
            len(classes),
            lrn=keys.lrn,
            init=keys.init,
            width=keys.width,
            dropout=keys.dropout,
            channels_last=config.train.channels_last,
            blank=restored,
        )
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    if not restored and keys.pretrained is not None:
        _load_pretrained(net, keys, len(classes))
    return net


def _load_pretrained(net: nn.Layer, keys: ModelConfig, num_classes: int) -> None:
    arrays, source = read_weights(keys.pretrained)
    if (source.architecture, source.width) != (keys.name, keys.width):
        raise WeightsError(
            f"{keys.pretrained} holds {source.architecture!r} of width {source.width}, but "
            f"model.name is {keys.name} and model.width {keys.width}"
        )
    if len(source.classes) != num_classes and not keys.skip_head:
        raise WeightsError(
            f"{keys.pretrained} has {len(source.classes)} classes, the data has {num_classes}: "
            "model.skip_head=true loads all but the last layer"
        )
    load_arrays(net, arrays, keys.pretrained, head=net.head if keys.skip_head else None)

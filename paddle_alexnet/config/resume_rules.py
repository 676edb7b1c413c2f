"""Which keys may change between a run's stop and its going on, and which have."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paddle_alexnet.config.load import read_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.printable import printable, printable_name

# Any other key has a part in the weights and the figures that a run was to have, so a run goes on
# only with the value that it started with; a new key is among those until it is named here.
MAY_CHANGE = {
    "data.source": "the images that it finds are compared",
    "data.root": "images may be moved; their names and content are compared",
    "data.prepare": "only matters where there are no images yet",
    "data.train_list": "may be moved; what it says is compared",
    "data.val_list": "may be moved; what it says is compared",
    "data.class_names": "may be moved; what it says is compared",
    "data.max_pixels": "the images that it leaves are compared",
    "data.workers": "batches are the same with any number",
    "data.cache": "batches are the same with and without",
    "data.cache_gib": "batches are the same with and without",
    "train.epochs": "a run may be made longer or end early",
    "train.device": "a run may be moved to another machine; only rounding differs",
    "train.amp": "another machine may not have it; only rounding differs",
    "train.amp_level": "another machine may not have it; only rounding differs",
    "train.compile": "another machine may need another; only rounding differs",
    "train.channels_last": "only rounding differs",
    "train.log_every_steps": "is of the log",
    "train.save_every_steps": "weights are the same however often they are saved",
    "train.on_nonfinite": "to leave such updates out is what a run that ended by one may try",
    "run.dir": "a run may be moved",
}


def fixed_values(config: Config) -> dict[str, Any]:
    """What a run must keep: ``section.key`` and value, as JSON has them."""
    sections = json.loads(json.dumps(dataclasses.asdict(config)))
    return {
        f"{section}.{key}": value
        for section, values in sections.items()
        for key, value in values.items()
        if f"{section}.{key}" not in MAY_CHANGE
    }


def config_for_resume(path: str | Path, overrides: Sequence[str]) -> Config:
    """A run's configuration with overrides, of keys that may change.

    Args:
        path: The run's file.
        overrides: As :func:`paddle_alexnet.config.load.read_config` takes them.

    Raises:
        ConfigError: As there, or an override is of another key.
    """
    config = read_config(path, overrides)
    for override in overrides:
        key = override.partition("=")[0]
        if key not in MAY_CHANGE:
            raise ConfigError(
                f"-o {override}: a run goes on with the {key} that it began with; start a new run, "
                f"with model.pretrained to keep weights. May change: {', '.join(MAY_CHANGE)}"
            )
    return config


def describe_changes(then: Mapping[str, Any], config: Config) -> list[str]:
    """What differs between a run's values at its start and now, as ``key was X and is Y``.

    Args:
        then: :func:`fixed_values` of its start, perhaps of an earlier version: a key that came
            later counts as having had its default, and one that became free is passed over.
        config: Now.
    """
    now, defaults = fixed_values(config), fixed_values(Config())
    then = {**defaults, **{key: then[key] for key in then if key not in MAY_CHANGE}}
    return [
        f"{printable_name(key)} was {_shown(value)} and is "
        + (_shown(now[key]) if key in now else "no longer a key")
        for key, value in then.items()
        if key not in now or now[key] != value
    ]


def _shown(value: Any) -> str:
    """As in the file, where null is written for None."""
    return printable(json.dumps(value), 100)

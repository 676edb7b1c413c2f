"""Which keys may change when a run is resumed, and which must keep their values."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paddle_alexnet.config.load import read_config
from paddle_alexnet.config.schema import Config, flat_values
from paddle_alexnet.errors import ConfigError

# Any other key has an effect on the weights and the metrics, so a run is resumed only with the
# value that it started with. A new key is one of those until it is named here.
MAY_CHANGE = {
    "data.source": "the images that it finds are compared",
    "data.root": "images may be moved; names are compared, and of a folder the content",
    "data.prepare": "only matters where there are no images yet",
    "data.train_list": "the list may be moved; its lines are compared",
    "data.val_list": "the list may be moved; its lines are compared",
    "data.class_names": "may be moved; its content is compared",
    "data.max_pixels": "the images that it leaves are compared",
    "data.max_unusable": "the images that are left are compared",
    "data.workers": "batches are the same with any number",
    "data.cache": "batches are the same with and without",
    "data.cache_gib": "batches are the same with and without",
    "train.epochs": "a run may be made longer or end early",
    "train.device": "a run may be moved to another machine; only rounding differs",
    "train.amp": "another machine may not have it; only rounding differs",
    "train.amp_level": "another machine may not have it; only rounding differs",
    "train.compile": "another machine may need another; only rounding differs",
    "train.channels_last": "only rounding differs",
    "train.parallel": "weights and images are the same; data draws other dropout masks",
    "train.log_every_steps": "concerns the log only",
    "train.save_every_steps": "weights do not depend on how often they are saved",
    "train.on_nonfinite": "a run that ended by such a step may try to skip it",
    "log.level": "concerns the log only",
    "run.dir": "a run may be moved",
}


def fixed_values(config: Config) -> dict[str, Any]:
    """The values that a run must keep, by ``section.key``."""
    return {key: value for key, value in flat_values(config).items() if key not in MAY_CHANGE}


def config_for_resume(path: str | Path, overrides: Sequence[str]) -> Config:
    """A run's configuration with overrides of keys that may change.

    Args:
        path: The run's file.
        overrides: See :func:`paddle_alexnet.config.load.read_config`.

    Raises:
        ConfigError: As there, or an override is of another key.
    """
    config = read_config(path, overrides)
    may_change = [key for key in MAY_CHANGE if key != "run.dir"]
    for override in overrides:
        key = override.partition("=")[0]
        if key == "run.dir":
            raise ConfigError(
                f"-o {override}: a run goes on in its own directory; move that and name the new "
                "place with --resume"
            )
        if key not in MAY_CHANGE:
            raise ConfigError(
                f"-o {override}: a run is resumed with the {key} that it started with; start a new "
                f"run, with model.pretrained to keep weights. May change: {', '.join(may_change)}"
            )
    return config


def describe_changes(then: Mapping[str, Any], config: Config) -> list[str]:
    """The differences between a run's values at its start and now, as ``key was X and is Y``.

    Args:
        then: :func:`fixed_values` at its start, perhaps of an earlier version: a key that was added
            later had its default, and one that may change by now is skipped.
        config: Now.
    """
    now, defaults = fixed_values(config), fixed_values(Config())
    changes = []
    for key, value in {**defaults, **then}.items():
        was = f"was {json.dumps(value):.100} and is"
        if key in now and now[key] != value:
            changes.append(f"{key} {was} {json.dumps(now[key]):.100}")
        elif key not in now and key not in MAY_CHANGE:
            changes.append(f"{key!r:.100} {was} no longer a key")
    return changes

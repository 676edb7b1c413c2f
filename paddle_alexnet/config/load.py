"""YAML without surprises: what a text says is what is read.

PyYAML follows YAML 1.1, where ``no`` is false, ``1e-4`` a text, ``010`` eight, ``1:30`` ninety and
``2024-01-01`` a date. Here only ``null``, ``true`` and ``false``, decimal numbers, lists and
mappings of texts are more than text, as in YAML 1.2.
"""

import dataclasses
import difflib
import json
import re
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml

from paddle_alexnet.config.schema import Config, PathText
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.printable import printable, printable_name
from paddle_alexnet.storage.files import read_text

_TAG = "tag:yaml.org,2002:"
_FIRST_OF_NUMBERS = list("-+.0123456789")
# What a plain word is read as: its tag, and its first characters.
_WORDS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", _FIRST_OF_NUMBERS),
    (
        "float",
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        _FIRST_OF_NUMBERS,
    ),
)

ODD_BREAKS = "\x85\u2028\u2029\ufeff"


class _Loader(yaml.SafeLoader):
    """Refuses aliases, which grow to gigabytes when nested, tags, and keys given twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, f"aliases (*{event.anchor}) are not taken here", event.start_mark
            )
        if getattr(event, "tag", None) is not None:
            raise yaml.composer.ComposerError(
                None, None, f"tags ({event.tag}) are not taken here", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is no word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes what :class:`_Loader`, or another reader of YAML, would not read as text."""

    yaml_implicit_resolvers = dict(yaml.SafeDumper.yaml_implicit_resolvers)


for _tag, _pattern, _first in _WORDS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


def load_yaml(text: str) -> Any:
    """Read plain values: None, bool, int, float, str, lists, and dictionaries by str.

    Raises:
        ValueError: It is no such YAML; the text says where.
    """
    try:
        # A subclass of SafeLoader: builds plain values only.
        return yaml.load(text, Loader=_Loader)  # noqa: S506 # nosec B506 # plain values only
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def dump_yaml(values: Any) -> str:
    """Plain values as YAML that :func:`load_yaml`, and PyYAML, read back equal."""
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    if any(character in text for character in ODD_BREAKS):
        # PyYAML writes these as they are, and they are read as line breaks, so as blanks.
        text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=False)
    return text


# MERGED config.reading: From YAML and ``key.sub=value`` overrides to a checked :class:`Config`, and back.


MAX_CONFIG = 1 << 20  # bytes of a file
MAX_FAULTS = 20  # shown of a file
REMOVED_DISK_CACHE = (
    "was removed: tools/resize_images.py SRC DST --short-side 256 makes small copies once"
)


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply overrides.

    Args:
        path: YAML with the sections of :class:`Config`; all keys are optional.
        overrides: ``key.sub=value``; the value is YAML, so lists and null work.

    Raises:
        ConfigError: The file cannot be read, a key is unknown (the nearest is named), or a value
            has the wrong type or range.
    """
    try:
        text = read_text(path, MAX_CONFIG)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot read the configuration {path}: {reason}") from error
    values = _parse(text, str(path))
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected sections such as 'train:', got {_shown(values)}")
    for override in overrides:
        _apply(values, override)
    return make_config(values, " ".join([str(path), *(f"-o {override}" for override in overrides)]))


def make_config(values: dict[str, Any], source: str = "configuration") -> Config:
    """Check plain values.

    Args:
        values: Nested dictionary of sections and keys.
        source: Named in messages.

    Raises:
        ConfigError: As :func:`read_config`.
    """
    # An empty section ("augment:" alone) reads as null: all its defaults.
    values = {k: {} if v is None and k in _SECTIONS else v for k, v in values.items()}
    data = values.get("data")
    if isinstance(data, dict) and (data.get("cache") == "disk" or "cache_dir" in data):
        key = "data.cache_dir" if "cache_dir" in data else "data.cache: disk"
        raise ConfigError(f"{source}: {key} {REMOVED_DISK_CACHE}")
    try:
        # By way of JSON, where pydantic's strict mode takes mappings for dataclasses.
        config = pydantic.TypeAdapter(Config).validate_json(json.dumps(values, default=str))
    except pydantic.ValidationError as error:
        faults = error.errors()
        lines = [_describe(item) for item in faults[:MAX_FAULTS]]
        if len(faults) > MAX_FAULTS:
            lines.append(f"and {len(faults) - MAX_FAULTS:,} more")
        raise ConfigError(f"{source}: " + "\n  ".join(lines)) from error
    _check_together(config, source)
    return config


def _check_together(config: Config, source: str) -> None:
    """Check what concerns several keys."""
    milestones = config.schedule.milestones
    if milestones != sorted(set(milestones)) or (milestones and milestones[0] < 1):
        raise ConfigError(
            f"{source}: schedule.milestones must be rising epochs from 1 on, got {milestones}"
        )
    if config.schedule.name == "step" and not milestones:
        raise ConfigError(f"{source}: schedule.name step needs schedule.milestones, e.g. [20, 30]")
    if config.schedule.warmup_epochs >= config.train.epochs and config.schedule.warmup_epochs:
        raise ConfigError(
            f"{source}: schedule.warmup_epochs ({config.schedule.warmup_epochs}) must be less than "
            f"train.epochs ({config.train.epochs})"
        )
    optimizer = config.optimizer
    own = {"nesterov": False, "bias_lr": "same", "decay_biases": False}
    set_too = [key for key, value in own.items() if getattr(optimizer, key) != value]
    if optimizer.name == "krizhevsky2012" and set_too:
        raise ConfigError(
            f"{source}: optimizer.name krizhevsky2012 is the original code's update, which has a "
            "rate of its own for biases, does not decay them and knows no nesterov: leave out "
            + ", ".join(f"optimizer.{key}" for key in set_too)
        )
    if config.data.cache == "ram" and config.data.workers:
        raise ConfigError(
            f"{source}: data.cache ram keeps images in the process that trains, but data.workers "
            f"({config.data.workers}) decode in others: set data.workers 0 or data.cache none"
        )
    lists = (config.data.train_list, config.data.val_list)
    if (lists[0] is None) != (lists[1] is None):
        raise ConfigError(f"{source}: data.train_list and data.val_list go together: give both")
    if config.schedule.name == "epochs2012" and optimizer.name != "krizhevsky2012":
        raise ConfigError(
            f"{source}: schedule.name epochs2012 slows and freezes conv1, which only "
            "optimizer.name krizhevsky2012 can; with another choose schedule.name step and "
            "schedule.milestones [25, 51, 79]"
        )


def write_config(config: Config) -> str:
    """The resolved configuration as YAML that :func:`read_config` reads back equal."""
    return dump_yaml(dataclasses.asdict(config))


def describe_keys() -> Iterator[tuple[str, str, str]]:
    """Every key as (``section.key``, default as YAML, meaning), for help texts."""
    for section in dataclasses.fields(Config):
        for field in dataclasses.fields(section.type):
            info = section.type.__pydantic_fields__[field.name]
            default = json.dumps(info.default).strip('"')
            yield f"{section.name}.{field.name}", default, info.description


_SECTIONS = frozenset(field.name for field in dataclasses.fields(Config))


def _parse(text: str, source: str) -> Any:
    try:
        return load_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{source} is not valid YAML: {error}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"-o {override}: expected key.sub=value, e.g. train.epochs=15")
    *sections, leaf = key.split(".")
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        values = values[section]
        if not isinstance(values, dict):
            raise ConfigError(f"-o {override}: {section} is a value, not a section")
    value = _parse(text, f"-o {override}")
    # A folder may be called 2024 or true.
    as_text = key in _text_keys() and value is not None and not isinstance(value, str)
    values[leaf] = text if as_text else value


def _text_keys() -> set[str]:
    """Keys whose values are texts."""
    return {
        f"{section.name}.{name}"
        for section in dataclasses.fields(Config)
        for name, info in section.type.__pydantic_fields__.items()
        if str in (info.annotation, *typing.get_args(info.annotation))
        or PathText in typing.get_args(info.annotation)
    }


def _describe(item: Any) -> str:
    """One line for one finding of pydantic."""
    key = ".".join(printable_name(part) for part in item["loc"])
    if item["type"] == "json_invalid":  # too deep, or half a character, which YAML lets pass
        return f"a value is not taken: {item['msg'].lower()}"
    if item["type"] == "unexpected_keyword_argument":
        known = [name for name, _, _ in describe_keys()]
        if len(item["loc"]) == 1:
            known = sorted(_SECTIONS)
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        # The same name in another section is the likelier slip: lr under train, say.
        near = [name for name in known if name.split(".")[-1] == key.split(".")[-1]] or near
        hint = f"did you mean {near[0]}?" if near else "tools/train.py --help lists the keys"
        return f"unknown key {key}: {hint}"
    if item["type"] in ("dataclass_type", "dataclass_exact_type"):
        return f"{key} is a section: expected keys below it, got {_shown(item['input'])}"
    said = item["msg"]  # may name values, whose letters count
    return f"{key}: {said[:1].lower() + said[1:]}, got {_shown(item['input'])}"


def _shown(value: Any) -> str:
    return printable(repr(value), 200)

"""Read a configuration: YAML, ``key.sub=value`` overrides, and checks; and write it back.

PyYAML follows YAML 1.1, where ``no`` is false, ``1e-4`` a string, ``010`` eight, ``1:30`` ninety
and ``2024-01-01`` a date. Here only ``null``, ``true``, ``false`` and decimal numbers are not
strings, as in YAML 1.2.
"""

import dataclasses
import difflib
import json
import re
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic.fields import FieldInfo

from paddle_alexnet.config.schema import Config, PathText
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.storage.files import read_text

MAX_CONFIG = 1 << 20  # bytes of a file
REMOVED_DISK_CACHE = (
    "was removed: tools/resize_images.py SRC DST --short-side 256 makes small copies once"
)
MAX_FAULTS = 20  # shown in one message
NEAR = 0.75  # similarity of a key to suggest: workers for num_workers, none for momentum_decay

_SECTIONS = {field.name: field.type for field in dataclasses.fields(Config)}
_CHECK = pydantic.TypeAdapter(Config)
_TAG = "tag:yaml.org,2002:"
_NULL = r"~|null|Null|NULL|"
_NUMBER_STARTS = list("-+.0123456789")
# Plain scalars that are not strings: tag, pattern, possible first characters.
_SCALARS = (
    ("null", _NULL, ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", _NUMBER_STARTS),
    (
        "float",
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        _NUMBER_STARTS,
    ),
)


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply overrides.

    Args:
        path: YAML with the sections of :class:`Config`; all keys are optional.
        overrides: ``key.sub=value``; the value is YAML, so lists and null work. Of a key that
            holds text, such as a path, it is taken as it is, but for null and an empty one.

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
        raise ConfigError(f"{path}: expected sections such as 'train:', got {values!r:.200}")
    for override in overrides:
        _apply(values, override)
    return make_config(values, " ".join([str(path), *(f"-o {override}" for override in overrides)]))


def make_config(values: dict[str, Any], source: str = "configuration") -> Config:
    """Check the values of a configuration.

    Args:
        values: Nested dictionary of sections and keys.
        source: Named in messages.

    Raises:
        ConfigError: As :func:`read_config`.
    """
    # An empty section ("augment:" alone) reads as null: all its defaults.
    values = {k: {} if v is None and k in _SECTIONS else v for k, v in values.items()}
    data = values.get("data")
    if isinstance(data, dict):
        # Configurations that runs of before have written hold "cache_dir: null".
        values["data"] = data = {k: v for k, v in data.items() if (k, v) != ("cache_dir", None)}
        if data.get("cache") == "disk" or "cache_dir" in data:
            key = "data.cache_dir" if "cache_dir" in data else "data.cache: disk"
            raise ConfigError(f"{source}: {key} {REMOVED_DISK_CACHE}")
    try:
        # As JSON, because pydantic's strict mode accepts mappings for dataclasses only there.
        config = _CHECK.validate_json(json.dumps(values, default=str))
        faults = list(_conflicts(config))
    except pydantic.ValidationError as error:
        faults = list(map(_describe, error.errors()))
    if not faults:
        return config
    if len(faults) > MAX_FAULTS:
        faults[MAX_FAULTS:] = [f"and {len(faults) - MAX_FAULTS:,} more"]
    raise ConfigError(f"{source}: " + "\n  ".join(faults))


def _conflicts(config: Config) -> Iterator[str]:
    """Faults that concern several keys."""
    yield from _schedule_conflicts(config)
    optimizer, data = config.optimizer, config.data
    others = {"nesterov": True, "bias_lr": "double", "decay_biases": True}
    set_too = [f"optimizer.{key}" for key, on in others.items() if getattr(optimizer, key) == on]
    if optimizer.name != "krizhevsky2012" and not isinstance(optimizer.bias_lr, str):
        yield (
            f"optimizer.bias_lr {optimizer.bias_lr} is a constant learning rate for biases, which "
            "only optimizer.name krizhevsky2012 has; with another set same or double"
        )
    if optimizer.name == "krizhevsky2012" and set_too:
        yield (
            "optimizer.name krizhevsky2012 is the original code's optimizer: it has a constant "
            "learning rate for biases, no weight decay on biases and no nesterov; remove "
            + ", ".join(set_too)
        )
    if data.cache == "ram" and data.workers:
        yield (
            "data.cache ram keeps images in the process that trains, but data.workers "
            f"({data.workers}) decode in others: set data.workers 0 or data.cache none"
        )
    if (data.train_list is None) != (data.val_list is None):
        yield "data.train_list and data.val_list go together: give both"


def _schedule_conflicts(config: Config) -> Iterator[str]:
    """Faults of the schedule with other keys; a name that is not known here has none."""
    keys, name = config.schedule, config.schedule.name
    if keys.milestones != sorted(set(keys.milestones)) or min(keys.milestones, default=1) < 1:
        yield f"schedule.milestones must be ascending epochs from 1 on, got {keys.milestones}"
    if name == "step" and not keys.milestones:
        yield "schedule.name step needs schedule.milestones, e.g. [20, 30]"
    if keys.warmup_epochs >= config.train.epochs and keys.warmup_epochs:
        yield (
            f"schedule.warmup_epochs ({keys.warmup_epochs}) must be less than train.epochs "
            f"({config.train.epochs}): for a short run add -o schedule.warmup_epochs=0"
        )
    if name == "epochs2012" and config.optimizer.name != "krizhevsky2012":
        yield (
            "schedule.name epochs2012 lowers the learning rate of conv1 and freezes it, which only "
            "optimizer.name krizhevsky2012 supports; with another optimizer set schedule.name step "
            "and schedule.milestones [25, 51, 79]"
        )


def write_config(config: Config) -> str:
    """The configuration as YAML that :func:`read_config` reads back equal."""
    return dump_yaml(dataclasses.asdict(config))


def describe_keys() -> Iterator[tuple[str, str, str]]:
    """Every key as (``section.key``, default as YAML, meaning), for help texts."""
    for key, info in _fields():
        yield key, json.dumps(info.default).strip('"'), info.description


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    for section, keys in _SECTIONS.items():
        for name, info in keys.__pydantic_fields__.items():
            yield f"{section}.{name}", info


def _alternatives(key: str) -> int:
    """Types that a key may have beside null; a field that is not known has none."""
    info = dict(_fields()).get(key)
    kinds = typing.get_args(info.annotation) if info else ()
    union = info and typing.get_origin(info.annotation) in (typing.Union, types.UnionType)
    return len([kind for kind in kinds if kind is not type(None)]) if union else 0


def _apply(values: dict[str, Any], override: str) -> None:
    """Set one ``key.sub=value`` in ``values``."""
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
    # A folder may be called 2024 or @photos.
    kind = dict(_fields())[key].annotation if key in dict(_fields()) else None
    is_text = kind is str or {str, PathText} & set(typing.get_args(kind))
    is_null = re.fullmatch(_NULL, text.strip())
    values[leaf] = text if is_text and not is_null else _parse(text, f"-o {override}")


def _describe(fault: Any) -> str:
    """One line for one error of pydantic."""
    place, kind = list(map(str, fault["loc"])), fault["type"]
    if len(place) > 3 and place[:2] == ["model", "changes"]:
        del place[3]  # pydantic's name of the alternative that was tried
    elif len(place) > 2 and _alternatives(".".join(place[:2])) > 1:
        del place[2]
    key = ".".join(place)
    if kind == "json_invalid":  # nested too deeply, or a lone surrogate, which YAML allows
        return f"a value is not accepted: {fault['msg'].lower()}"
    if kind == "unexpected_keyword_argument":
        # Without its section: that would make all keys of one section look near. The same key in
        # another section is the likeliest mistake, e.g. lr under train; then one near it.
        names = [name for name, _ in _fields()]
        known = {name.split(".")[-1]: name for name in names}
        known |= {section: section for section in _SECTIONS} if len(fault["loc"]) == 1 else {}
        section, *rest = key.split(".")
        leaf = key.split(".")[-1][:100]
        own = {name.split(".")[-1]: name for name in names if name.startswith(f"{section}.")}
        near = [
            keys[found]
            for keys in ([own, known] if rest and leaf not in known else [known])
            for found in difflib.get_close_matches(leaf, keys, n=1, cutoff=NEAR)
        ]
        if ".".join([section, *rest[:1]]) in names and len(fault["loc"]) == 1:
            words = ": {".join(rest) + (": ..." + "}" * (len(rest) - 1) if rest[1:] else "")
            return f"unknown key {key!r:.200}: write {words:.200} below a section '{section}:'"
        hint = f"did you mean {near[0]}?" if near else "tools/train.py --help lists the keys"
        return f"unknown key {key!r:.200}: {hint}"
    got = f"got {fault['input']!r:.200}"
    if kind in ("dataclass_type", "dataclass_exact_type"):
        return f"{key} is a section: expected keys below it, {got}"
    # The rest of the message may name values, whose case matters.
    return f"{key}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, {got}"


def _parse(text: str, source: str) -> Any:
    try:
        return load_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{source} is not valid YAML: {error}") from error


class _Loader(yaml.SafeLoader):
    """Refuses aliases (nested, they grow to gigabytes), tags, and repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(f"aliases (*{event.anchor}) are not supported", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal(f"tags ({event.tag}) are not supported", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refusal(f"the key {key!r:.100} is not a string", key_node)
            if key in seen:
                raise _refusal(f"the key {key!r:.100} is given twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _refusal(reason: str, where: yaml.Event | yaml.Node) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=reason, problem_mark=where.start_mark)


class _Dumper(yaml.SafeDumper):
    """Quotes strings that :class:`_Loader`, or a reader of YAML 1.1, would read as another type."""

    yaml_implicit_resolvers = dict(yaml.SafeDumper.yaml_implicit_resolvers)


for _name, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


def load_yaml(text: str) -> Any:
    """Read plain values: None, bool, int, float, str, lists, and dictionaries with str keys.

    Raises:
        ValueError: It is not YAML, or uses more than this subset; the message says where.
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
    # PyYAML writes these characters unescaped, but reads them as line breaks.
    if re.search("[\x85\u2028\u2029\ufeff]", text):
        text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=False)
    return text

"""Properties of all configurations, and of everything that is not one."""

import dataclasses
import math
import os
import types
import typing
from pathlib import Path

import annotated_types
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paddle_alexnet.config.load import dump_yaml, load_yaml, make_config, read_config, write_config
from paddle_alexnet.config.schema import Config, PathText
from paddle_alexnet.errors import ConfigError

SECTIONS = {section.name: section.type for section in dataclasses.fields(Config)}
KEYS = [
    (section, key, info)
    for section, kind in SECTIONS.items()
    for key, info in kind.__pydantic_fields__.items()
]
# UTF-8 has no lone surrogates ("\ud800"), and file names have no zero bytes.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(CHARACTERS, max_size=20)


def values_of(kind, metadata=()):
    """Values that a key of this type accepts."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        # A field in an Annotated carries its bounds inside.
        inner = [part for item in parts[1:] for part in getattr(item, "metadata", [item])]
        return TEXTS if kind is PathText else values_of(parts[0], [*metadata, *inner])
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(part, metadata) for part in parts])
    if origin is typing.Literal:
        return st.sampled_from(parts)
    if origin is list:
        return st.lists(st.integers(1, 10**9), max_size=4)
    if origin is dict:
        return st.dictionaries(TEXTS, values_of(parts[1]), max_size=3)
    if kind is type(None):
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is str:
        return TEXTS
    low = max([x.ge for x in metadata if isinstance(x, annotated_types.Ge)], default=None)
    high = min([x.le for x in metadata if isinstance(x, annotated_types.Le)], default=None)
    above = max([x.gt for x in metadata if isinstance(x, annotated_types.Gt)], default=None)
    below = min([x.lt for x in metadata if isinstance(x, annotated_types.Lt)], default=None)
    if kind is int:
        return st.integers(low, below - 1 if below is not None else high)
    return st.floats(
        low if above is None else above,
        high if below is None else below,
        exclude_min=above is not None,
        exclude_max=below is not None,
        allow_nan=False,
        allow_infinity=False,
    )


@st.composite
def configs(draw):
    """Values of any keys, without conflicts between keys."""
    values = {section: {} for section in SECTIONS}
    for section, key, info in KEYS:
        if key != "device" and draw(st.booleans()):
            values[section][key] = draw(values_of(info.annotation, info.metadata))
    schedule, optimizer, data = values["schedule"], values["optimizer"], values["data"]
    if draw(st.booleans()):
        schedule["name"] = draw(st.sampled_from(["plateau", "step", "cosine", "epochs2012"]))
    schedule["milestones"] = sorted(set(schedule.get("milestones", [])))
    if schedule.get("name") == "step":
        schedule["milestones"] = schedule["milestones"] or [1]
    if schedule.get("warmup_epochs", 0) >= values["train"].get("epochs", 32):
        del schedule["warmup_epochs"]
    if schedule.get("name") == "epochs2012":
        optimizer["name"] = "krizhevsky2012"
    if optimizer.get("name") == "krizhevsky2012":
        for key in ("nesterov", "bias_lr", "decay_biases"):
            optimizer.pop(key, None)
    elif not isinstance(optimizer.get("bias_lr", ""), str):
        del optimizer["bias_lr"]
    if data.get("cache") == "ram":
        data["workers"] = 0
    if (data.get("train_list") is None) != (data.get("val_list") is None):
        data["train_list"] = data["val_list"] = "list.txt"
    return values


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("config") / "my.yml"


@settings(deadline=None)
@given(values=configs())
@example(values={"data": {"class_names": "\x85 \u2028\u2029\ufeff"}})
def test_every_configuration_is_read_back_equal(path, values):
    config = make_config(values)
    for section, keys in values.items():
        for key, value in keys.items():
            got = getattr(getattr(config, section), key)
            # A ~ at the start of a path is expanded.
            assert got == value or got == os.path.expanduser(value)
    text = write_config(config)
    path.write_text(text, encoding="utf-8")
    assert read_config(path) == config
    # Another reader of YAML sees the same.
    assert yaml.safe_load(text) == dataclasses.asdict(config)


@settings(deadline=None)
@given(section=st.sampled_from(sorted(SECTIONS)), key=TEXTS, value=st.none() | st.integers())
def test_every_unknown_key_is_named(path, section, key, value):
    if key in SECTIONS[section].__pydantic_fields__:
        return
    path.write_text(dump_yaml({section: {key: value}}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"my\.yml: unknown key ") as caught:
        read_config(path)
    assert f"unknown key {f'{section}.{key}'!r}" in str(caught.value)


WRONG = {
    bool: st.integers() | st.text(max_size=5) | st.lists(st.booleans(), max_size=2) | st.none(),
    int: st.booleans() | st.text(max_size=5) | st.floats(0.1, 0.9) | st.just({}),
    float: st.booleans() | st.text(max_size=5) | st.sampled_from([math.nan, math.inf, -math.inf]),
    str: st.booleans() | st.integers() | st.floats() | st.lists(st.text(max_size=2), max_size=2),
    dict: st.booleans() | st.integers() | st.text(max_size=5) | st.none() | st.just({"a": 0.5}),
    list: st.booleans() | st.integers() | st.text(max_size=5) | st.none() | st.just([0.5]),
}


def plain_type(kind):
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return plain_type(parts[0])
    if origin in (typing.Union, types.UnionType):
        return plain_type(next(part for part in parts if part is not type(None)))
    return {typing.Literal: str}.get(origin, origin or kind)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), place=st.sampled_from(KEYS))
def test_every_wrong_type_is_named(path, data, place):
    section, key, info = place
    value = data.draw(WRONG[plain_type(info.annotation)])
    text = dump_yaml({section: {key: value}})
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    # YAML itself has no lone surrogates and few control characters.
    assert f"{section}.{key}" in str(caught.value) or "not accepted" in str(caught.value)


@settings(deadline=None, max_examples=300)
@given(
    data=st.binary(max_size=80) | st.text(max_size=80).map(lambda x: x.encode("utf-8", "replace"))
)
def test_anything_is_a_configuration_or_an_error_that_names_the_file(path, data):
    path.write_bytes(data)
    try:
        config = read_config(path)
    except ConfigError as error:
        assert "my.yml" in str(error)
    else:
        assert isinstance(config, Config)


@settings(deadline=None)
@given(override=st.text(max_size=40) | TEXTS.map(lambda text: f"data.root={text}"))
def test_any_override_is_applied_or_named(path, override):
    path.write_text("")
    try:
        assert isinstance(read_config(path, [override]), Config)
    except ConfigError as error:
        assert "my.yml" in str(error) or "-o" in str(error)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(value=PLAIN)
def test_plain_values_are_read_back_here_and_by_pyyaml(value):
    text = dump_yaml(value)
    assert load_yaml(text) == value
    assert yaml.safe_load(text) == value


@pytest.mark.parametrize(
    "word",
    [
        *("no", "Yes", "on", "010", "0x10", "0o10", "1_000", "1:30", "1:30.5", "2024-01-01", "<<"),
        *("2001-12-14t21:59:43.10-05:00", "=", "1e", ".", "+", "-.", "e5", "nul", "TrUe"),
    ],
)
def test_strings_that_yaml_1_1_reads_as_other_types(word):
    assert load_yaml(word) == word
    assert yaml.safe_load(dump_yaml(word)) == word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("~", None), ("null", None), ("", None), ("true", True), ("FALSE", False)),
        *(("0", 0), ("-7", -7), ("+12", 12), ("1e-4", 1e-4), ("1E3", 1000.0), (".5", 0.5)),
        *(("1.", 1.0), ("-.inf", -math.inf), ("'1'", "1"), ("[1, x]", [1, "x"])),
    ],
)
def test_scalars_that_are_not_strings(text, value):
    assert load_yaml(text) == value
    assert type(load_yaml(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "!!binary aGVsbG8=",
        "!!set {a, b}",
        "!!str 3",
        "! x",
        "!mine {}",
        "- &a [1]\n- *a",
        "1: x",
        "~: x",
        "true: x",
        "[a]: x",
        "9" * 5000,
        "- " * 5000 + "x",
    ],
)
def test_yaml_that_no_configuration_needs_is_refused(text):
    with pytest.raises(ValueError, match=r"tags|aliases|not a string|digits|nested|unhashable"):
        load_yaml(text)


def test_an_endless_file_is_refused():
    if Path("/dev/zero").exists():
        with pytest.raises(ConfigError, match="larger than"):
            read_config("/dev/zero")

"""YAML without surprises: what a text says is what is read.

PyYAML follows YAML 1.1, where ``no`` is false, ``1e-4`` a text, ``010`` eight, ``1:30`` ninety and
``2024-01-01`` a date. Here only ``null``, ``true`` and ``false``, decimal numbers, lists and
mappings of texts are more than text, as in YAML 1.2.
"""

import re
from typing import Any

import yaml

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

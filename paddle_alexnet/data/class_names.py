"""Names of classes: reading them from files, and finding those that a person would confuse."""

import json
import logging
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.files import parse_json, read_text, split_lines

log = logging.getLogger(__name__)

MAX_NAME = 1000  # characters of a class name, here and in weights files; ImageNet's longest: 134
SHOWN = 20  # names in a message
# Cyrillic and Greek letters, and digits, that look like Latin letters.
_SAME_SHAPE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u043a\u043c\u0442\u043d\u0432"
    "\u03b1\u03bf\u03c1\u03bd\u03ba\u03c4\u03b901",
    "aeopcyxikmthbaopvktiol",
)


def read_class_names(path: str | Path) -> list[str]:
    """Class names in order of the logits.

    Args:
        path: A ``.json`` file as :func:`class_index` makes it, or another file with one name per
            line. Where the first words of all lines are 0 to n - 1, in any order, they are the
            labels (PaddleClas's form: ``0 tench``). Blank lines are left out with a warning.

    Raises:
        DataError: It cannot be read, is malformed, names no class, or names one twice.
    """
    try:
        text = read_text(path)
        if str(path).endswith(".json"):
            names = _names_of_index(text)
        else:
            names = _by_number(_without_blanks(path, split_lines(text)))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read class names from {path}: {str(error)[:200]}") from error
    names = [name.strip() for name in names]
    if not names:
        raise DataError(f"{path} names no class: expected one name per line")
    if max(map(len, names)) > MAX_NAME:
        raise DataError(f"{path} has a class name of over {MAX_NAME} characters")
    places = defaultdict(list)
    for label, name in enumerate(names):
        places[name].append(str(label))
    doubled = [f"{name!r} ({', '.join(p)})" for name, p in places.items() if len(p) > 1]
    if doubled:
        raise DataError(
            f"{path} gives several classes one name: {', '.join(doubled[:SHOWN])}; make them differ"
        )
    warn_of_look_alikes(path, names)
    if names != (numbers := [str(label) for label in range(len(names))]) and {*names} == {*numbers}:
        log.warning("%s: the names are numbers, but not in the order of the labels", path)
    return names


def class_index(classes: Sequence[str]) -> str:
    """The text of a run's ``class_index.json``: ``{"0": "daisy", ...}``."""
    names = {str(label): name for label, name in enumerate(classes)}
    return json.dumps(names, ensure_ascii=False, indent=2) + "\n"


def warn_of_look_alikes(source: str | Path, names: Sequence[str]) -> None:
    """Name classes that differ only in case, spaces, accents' encoding or letters of one shape."""
    same = defaultdict(list)
    for name in dict.fromkeys(names):
        same[_shape(name)].append(name)
    groups = [" and ".join(map(ascii, group)) for group in same.values() if len(group) > 1]
    if groups:
        text = "%s: classes whose names look alike: %s; if they are one, give them one name"
        log.warning(text, source, ", ".join(groups[:SHOWN]))


def _shape(name: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = "".join(c for c in plain if c not in " _-." and unicodedata.category(c) != "Cf")
    return kept.translate(_SAME_SHAPE) or name


def _without_blanks(path: str | Path, lines: list[str]) -> list[str]:
    blank = [str(number) for number, line in enumerate(lines, 1) if not line.strip()]
    if blank:
        where = ", ".join(blank[:SHOWN])
        log.warning("%s: blank lines name no class and are left out: line %s", path, where)
    return [line.strip() for line in lines if line.strip()]


def _by_number(lines: list[str]) -> list[str]:
    """Lines in order of the labels that they begin with; as they are where they do not."""
    parts = [line.split(maxsplit=1) for line in lines]
    words = [part[0].rstrip(":,;") for part in parts]
    if not all(len(part) == 2 and len(word) < 10 for part, word in zip(parts, words, strict=True)):
        return lines
    if not all(word.isascii() and word.isdecimal() for word in words):
        return lines
    labels = list(map(int, words))
    names = {label: part[1] for label, part in zip(labels, parts, strict=True)}
    if names.keys() == set(range(len(lines))):
        return [names[label] for label in range(len(lines))]
    if max(labels, default=0) > 2 * len(lines):
        return lines  # no labels, but words of the names
    unused = sorted(set(range(len(lines))) - names.keys())
    raise ValueError(
        f"its lines begin with the numbers {min(labels)} to {max(labels)}: expected each of 0 to "
        f"{len(lines) - 1} once, but there is no {', '.join(map(str, unused[:SHOWN]))}; if they "
        'belong to the names, give a .json file {"0": NAME, "1": NAME, ...}'
    )


def _names_of_index(text: str) -> list[str]:
    index = parse_json(text)
    wanted = [str(number) for number in range(len(index))] if isinstance(index, dict) else None
    if wanted is None or set(wanted) != index.keys():
        raise ValueError('expected {"0": NAME, "1": NAME, ...}')
    names = [index[number] for number in wanted]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("every name must be a text that is not empty")
    return names

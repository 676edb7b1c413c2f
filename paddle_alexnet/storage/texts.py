"""Small texts and JSON out of files that anybody may have written."""

import json
from pathlib import Path
from typing import Any

MAX_TEXT = 1 << 24  # bytes; ImageNet's 21,841 names have a few hundred thousand


def read_text(path: str | Path, most: int = MAX_TEXT) -> str:
    """Read a UTF-8 file of at most ``most`` bytes.

    Raises:
        OSError: It cannot be read.
        ValueError: It is larger, or not UTF-8.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    return data.decode("utf-8")


def parse_json(text: str) -> Any:
    """Parse JSON; NaN and Infinity are taken, as Python writes them.

    Raises:
        ValueError: It is no JSON, nested too deeply, or an object has a key twice.
        TypeError: ``text`` is no text.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"the key {double[:100]!r} stands there twice")
    return values

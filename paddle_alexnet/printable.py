"""Texts of others, as they may be shown: on a terminal, in a picture, on the board.

A name out of a file may hold a line break, the codes that move a terminal's cursor or the marks
that turn the direction of writing, and so show what is not there.
"""

import json
import unicodedata

LONGEST_NAME = 100  # characters shown of one


def printable(text: object, longest: int | None = None) -> str:
    r"""``text`` in one line, with what is no visible character as an escape (``\n``, ``\u001b``).

    Args:
        text: Anything that has a text, such as a path.
        longest: Characters that are left; the rest becomes three dots. None for all.
    """
    text = str(text)
    if longest is not None and len(text) > longest:
        text = text[:longest] + "..."
    if text.isprintable():
        return text
    return "".join(c if _shows(c) else json.dumps(c)[1:-1] for c in text)


def printable_name(name: object) -> str:
    """As :func:`printable`, of a name, at most :data:`LONGEST_NAME` characters."""
    return printable(name, LONGEST_NAME)


def printable_lines(text: str) -> str:
    """As :func:`printable`, but lines stay; a JSON text keeps its meaning."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _shows(character: str) -> bool:
    # Blanks other than the usual are not "printable" to Python.
    return character.isprintable() or unicodedata.category(character) == "Zs"

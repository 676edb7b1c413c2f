r"""Make text from files safe to show: on a terminal, in an image, on the board.

A name from a file may hold line breaks, terminal control codes, or marks that reverse the writing
direction, and so imitate other output. :func:`printable_lines` is applied once to all text that
leaves the program (``tools/_entry.py``); messages write such names with ``!r``, which marks where
they begin and end.
"""

import json
import unicodedata

MAX_NAME = 100  # characters
MAX_LINE = 2000  # characters; paths have up to 4,096, but no message needs one in full


def printable(text: object, longest: int | None = None) -> str:
    r"""``text`` in one line, with invisible characters as escapes (``\n``, ``\u001b``).

    Args:
        text: Anything that has a text, such as a path.
        longest: Characters to keep; three dots stand for the rest. None for all.
    """
    text = str(text)
    if longest is not None and len(text) > longest:
        text = text[:longest] + "..."
    return text if text.isprintable() else "".join(map(_escape, text))


def printable_name(name: object) -> str:
    """A name to draw into an image or to show on the board, at most :data:`MAX_NAME` characters."""
    return printable(name, MAX_NAME)


def printable_lines(text: str, longest: int | None = MAX_LINE) -> str:
    """As :func:`printable` for each line of ``text``.

    JSON keeps its meaning, unless a line is cut: use ``longest=None`` for it.
    """
    return "\n".join(printable(line, longest) for line in text.split("\n"))


def _escape(character: str) -> str:
    # str.isprintable is False for all spaces but the ASCII one.
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return json.dumps(character)[1:-1]

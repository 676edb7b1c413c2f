"""File names as they are shown."""

import unicodedata


def shown(name: object) -> str:
    r"""A file's name on one line: what is not printable becomes an escape, as in ``a\nb.jpg``.

    A name may hold line breaks, terminal commands, or bytes that are no text (in Python's strings:
    lone surrogates).

    Args:
        name: A path or a name.
    """
    return "".join(
        char
        if char.isprintable() or unicodedata.category(char) == "Zs"
        else char.encode("unicode_escape").decode("ascii")
        for char in str(name)
    )

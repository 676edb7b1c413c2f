"""Damage, drawn from a seed: what disks, networks, editors and people with intent do to files."""

import re


def damaged(data, rng):
    """``data`` (bytes) with something wrong somewhere, never equal to it."""
    while True:
        bad = rng.choice(BYTES)(bytearray(data), rng)
        if bytes(bad) != bytes(data):
            return bytes(bad)


def edited(text, rng):
    """``text`` with one or two words, numbers, lines or characters changed, never equal to it."""
    while True:
        bad = text
        for _ in range(rng.choice((1, 1, 2))):
            bad = rng.choice(TEXTS)(bad, rng)
        if bad != text:
            return bad


def _part(data, rng):
    """Where a part begins and ends; most often a short one, most often near the beginning."""
    first = rng.randrange(min(len(data), rng.choice((64, 2000, len(data)))) or 1)
    return first, first + rng.choice((1, 2, 8, 100, 4096))


def flip(data, rng):
    for _ in range(rng.choice((1, 1, 1, 2, 20))):
        place, _ = _part(data, rng)
        data[place] ^= 1 << rng.randrange(8)
    return data


def truncate(data, rng):
    return data[: rng.randrange(len(data))]


def remove(data, rng):
    first, last = _part(data, rng)
    return data[:first] + data[last:]


def double(data, rng):
    first, last = _part(data, rng)
    return data[:last] + data[first:]


def splice(data, rng):
    first, last = _part(data, rng)
    other, _ = _part(data, rng)
    return data[:first] + data[other : other + last - first] + data[last:]


def overwrite(data, rng):
    first, last = _part(data, rng)
    fill = rng.choice((bytes(last - first), b"\xff" * (last - first), rng.randbytes(last - first)))
    data[first:last] = fill
    return data


def append(data, rng):
    return data + rng.choice((b"\0", b"\n", rng.randbytes(9), data[:100]))


def number(data, rng):
    """Another number in the text at the beginning, of the same length or not."""
    places = [m.span() for m in re.finditer(rb"\d+", bytes(data[:8000]))]
    if not places:
        return flip(data, rng)
    first, last = rng.choice(places)
    new = rng.choice((b"0", b"1", b"-1", b"9" * (last - first), b"1" + b"0" * (last - first)))
    return data[:first] + new + data[last:]


BYTES = (flip, flip, truncate, remove, double, splice, overwrite, append, number)

NUMBERS = (
    *("0", "1", "-1", "2", "0.5", "1e-3", "1e400", "-1e9", "NaN", ".nan", "Infinity", ".inf"),
    *("9" * 30, "9" * 5000, "010", "0x10", "1:30", "1_0", "true", "null", "[]", "{}", '"3"'),
)
WORDS = (
    *("x", "", "null", "true", "no", "~", "<<", "2024-01-01", "&a", "*a", "!!str", "%", "@", "\0"),
    *(
        "\x1b[31m",
        "\u202e",
        "\ufeff",
        "[",
        "{",
        "- ",
        ": ",
        "#",
        "'",
        '"',
        "\\",
        "\t",
        "雏菊",
        "<b>",
    ),
)


def change_number(text, rng):
    return _replace(text, r"\d+(\.\d+)?", rng, NUMBERS)


def change_word(text, rng):
    return _replace(text, r"[A-Za-z_]+", rng, WORDS)


def other_word(text, rng):
    """A word of the text in the place of another, as a key under the wrong section."""
    words = re.findall(r"[A-Za-z_]+", text)
    return _replace(text, r"[A-Za-z_]+", rng, words) if words else text + "x"


def misspell(text, rng):
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(WORDS) + text[place + rng.randrange(2) :]


def lines(text, rng):
    """A line twice, missing, in another place, or moved to the right."""
    rows = text.split("\n")
    place = rng.randrange(len(rows))
    row = rows[place]
    kind = rng.randrange(4)
    if kind < 3:
        del rows[place]
    if kind in (0, 2):
        rows.insert(rng.randrange(len(rows) + 1), row)
    if kind == 0:
        rows.insert(rng.randrange(len(rows) + 1), row)
    if kind == 3:
        rows[place] = rng.choice((" ", "  ", "\t")) + row
    return "\n".join(rows)


def nest(text, rng):
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice("[{") * rng.choice((1, 3, 5000)) + text[place:]


def _replace(text, pattern, rng, choices):
    places = [m.span() for m in re.finditer(pattern, text)]
    if not places:
        return text + rng.choice(choices)
    first, last = rng.choice(places)
    return text[:first] + rng.choice(choices) + text[last:]


TEXTS = (change_number, change_number, change_word, other_word, misspell, lines, nest)

"""The size that an image file claims in its header.

A file of a hundred bytes may claim 60,000 x 60,000 pixels, and decoders allocate them before they
find out. These readers look where OpenCV's decoders look; where a file may claim several sizes they
take the largest. Pillow's ``Image.open(...).size`` cannot replace them: it knows fewer kinds,
refuses TIFFs that OpenCV reads, believes the box around a JPEG 2000 codestream, and allocates a
WebP's canvas itself.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

# Larger images are not decoded by default (data.max_pixels). 360 MB as uint8 RGB; medium-format
# cameras have 102 million pixels, telephones mostly up to 108.
MAX_PIXELS = 120_000_000
PIXELS_AT_MOST = 2**28  # of data.max_pixels; 800 MB

Size = tuple[int, int]


class Claim(NamedTuple):
    """What a header says.

    Attributes:
        width: Pixels.
        height: Pixels.
        weight: Memory for decoding one pixel, as a multiple of a JPEG's.
    """

    width: int
    height: int
    weight: int


def read_claim(data: bytes) -> Claim | None:
    """The size that a file claims, for the kinds that OpenCV decodes.

    Args:
        data: The whole file.

    Returns:
        Of several sizes the one with the most pixels; None where the kind is unknown, or the file
        is so damaged that it claims none.
    """
    for signature, read, weight in _KINDS:
        if signature.match(data):
            try:
                size = max(read(data), key=lambda size: size[0] * size[1], default=None)
            except (struct.error, IndexError, OverflowError):
                return None  # it points beyond the end of the file
            return None if size is None else Claim(*size, weight)
    return None


def _at(place: int, layout: str) -> Callable[[bytes], list[Size]]:
    """A reader of width and height at a fixed offset."""

    def read(data: bytes) -> list[Size]:
        width, height = struct.unpack_from(layout, data, place)
        return [(width, height)]

    return read


def _bmp(data: bytes) -> list[Size]:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return [(abs(width), abs(height))]  # negative: rows from the top


def _jpeg(data: bytes) -> list[Size]:
    place = 2
    while True:
        place = data.find(b"\xff", place)
        if place < 0:
            return []
        while data[place] == 0xFF:
            place += 1
        marker = data[place]
        place += 1
        if marker in (0xD9, 0xDA):  # the end, or the first scan
            return []
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, place + 3)
            return [(width, height)]
        if marker not in (0x00, 0x01) and not 0xD0 <= marker <= 0xD8:
            place += max(2, *struct.unpack_from(">H", data, place))


def _png(data: bytes) -> list[Size]:
    """Sizes of the image and of every frame.

    Empty where a chunk is longer than the file: OpenCV would allocate and fill up to 4 GB.
    """
    sizes, place = [], 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if length > len(data) - place - 8:
            return []
        if kind in (b"IHDR", b"fcTL"):
            width, height = struct.unpack_from(">II", data, place + (8 if kind == b"IHDR" else 12))
            sizes.append((width, height))
        if kind == b"IEND":
            break
        place += length + 12
    return sizes


def tiff_entries(data: bytes) -> Iterator[tuple[int, str, int, bytes]]:
    """The entries of a TIFF's first directory that are whole numbers.

    Yields:
        Tag, layout of one number for ``struct``, how many there are, and the field of 4 bytes (8 in
        a BigTIFF) that holds them, or where they do not fit their offset.
    """
    order = "<" if data[:1] == b"I" else ">"
    big = 43 in data[2:4]
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    start += 8 if big else 2
    for place in range(start, min(start + count * entry.size, len(data)), entry.size):
        tag, kind, number, value = entry.unpack_from(data, place)
        if letter := {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind):
            yield tag, order + letter, number, value


def _tiff(data: bytes) -> list[Size]:
    """Sizes of the first image and of its tiles: a whole tile is allocated."""
    found: dict[int, int] = {}
    for tag, layout, _, value in tiff_entries(data):
        number = struct.unpack_from(layout, value.ljust(8, b"\0"))[0]
        found[tag] = max(number, found.get(tag, 0))
    pairs = ((256, 257), (322, 323))  # ImageWidth, ImageLength; TileWidth, TileLength
    return [(found[a], found[b]) for a, b in pairs if a in found and b in found]


def _webp(data: bytes) -> list[Size]:
    kind = data[12:16]
    if kind == b"VP8X":  # canvas size minus one, 24 bits each
        width, height = data[24:27], data[27:30]
        return [(int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1)]
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return [((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)]
    width, height = struct.unpack_from("<HH", data, 26)
    return [(width & 0x3FFF, height & 0x3FFF)]  # the upper bits are a scale


def _jpeg2000(data: bytes) -> list[Size]:
    """Sizes of all codestreams: the box around one may claim another size."""
    sizes = re.finditer(rb"\xff\x4f\xff\x51.{4}(.{16})", data, re.DOTALL)
    edges = (struct.unpack(">4I", match[1]) for match in sizes)
    return [(max(0, right - left), max(0, low - top)) for right, low, left, top in edges]


def _avif(data: bytes) -> list[Size]:
    """Sizes of all images, and of all tracks, which an animation has instead."""
    images = re.finditer(rb"ispe.{4}(.{8})", data, re.DOTALL)
    sizes = [struct.unpack(">II", match[1]) for match in images]
    for match in re.finditer(b"tkhd", data):
        place = match.end() + (88 if data[match.end()] == 1 else 76)  # by the box's version
        width, height = struct.unpack_from(">II", data, place)
        sizes.append((width >> 16, height >> 16))  # 16 bits are for fractions
    return sizes


def _pam(data: bytes) -> list[Size]:
    """The largest width and height in the header, whose lines may be in any order."""
    header = data.partition(b"ENDHDR")[0]
    sides = [re.findall(name + rb"\s+(\d{1,10})", header) for name in (b"WIDTH", b"HEIGHT")]
    return [(max(map(int, sides[0])), max(map(int, sides[1])))] if all(sides) else []


def _text(pattern: bytes, *, height_first: bool = False) -> Callable[[bytes], Iterable[Size]]:
    """A reader of two numbers written as text."""
    compiled = re.compile(pattern, re.DOTALL)

    def read(data: bytes) -> Iterable[Size]:
        for match in compiled.finditer(data):
            first, second = int(match[1]), int(match[2])
            yield (second, first) if height_first else (first, second)

    return read


# Weights: JPEG 2000, PFM and HDR are first decoded to 32 bits per value, AVIF to two images.
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_NUMBER = rb"(\d{1,10})"
_KINDS = [
    (re.compile(signature, re.DOTALL), read, weight)
    for signature, read, weight in (
        (rb"\xff\xd8\xff", _jpeg, 1),
        (rb"\x89PNG\r\n\x1a\n", _png, 1),
        (rb"GIF8[79]a", _at(6, "<HH"), 1),
        (rb"RIFF....WEBP", _webp, 1),
        (rb"BM", _bmp, 1),
        (rb"II[*+]\0|MM\0[*+]", _tiff, 1),
        (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP", _jpeg2000, 4),
        (rb"....ftyp", _avif, 2),
        (rb"\x59\xa6\x6a\x95", _at(4, ">II"), 1),  # Sun raster
        (rb"P[1-6]\s", _text(rb"\AP[1-6]" + _GAP + _NUMBER + _GAP + _NUMBER), 1),
        (rb"P[Ff]\s", _text(rb"\AP[Ff]\s+" + _NUMBER + rb"\s+" + _NUMBER), 4),
        (rb"P7\s", _pam, 1),
        (rb"#\?R", _text(rb"[-+]Y " + _NUMBER + rb" [-+]X " + _NUMBER, height_first=True), 4),
    )
]

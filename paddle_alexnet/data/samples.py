"""What the numbers in an image file mean, where they are not 8-bit RGB: bits, alpha, orientation.

OpenCV's colour mode takes 16 bits as 16 whatever was measured, leaves out alpha, and turns JPEG,
PNG and WebP by their EXIF orientation, but not AVIF. Files for which that is right need nothing of
this module.
"""

import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from paddle_alexnet.data.header import tiff_entries

ROWS = 64  # are converted at a time, so that large images need little more memory

LOW_VALUES = "%s: no value of the 16-bit images exceeds %s, so they are nearly black; set %s"

# TIFF's tags.
BITS, SAMPLES, MAXIMUM, ORIENTATION, EXTRA, FORMAT = 258, 277, 281, 274, 338, 339
NO_RANGE = "of no known range: convert it to 8 or 16 bits"
GREY_ALPHA = "grey with alpha, of which OpenCV reads no alpha: convert it to PNG"
FLOATS = {3: "floating-point", 5: "complex integer", 6: "complex", 2: "signed"}


@dataclass(frozen=True)
class Meaning:
    """What a header says of the samples.

    Attributes:
        plain: OpenCV's colour mode gives the right image.
        deep: Samples have 16 bits.
        maximum: The value of white, where the file states it.
        bound: As ``maximum``, but only where no value exceeds it: PNG's sBIT may also say how
            precise values are that are scaled to 16 bits already.
        premultiplied: Colours are multiplied by alpha as decoded.
        orientation: EXIF's, 1 to 8, which is still to be applied.
        refused: Why they cannot be used, and what to do.
    """

    plain: bool = True
    deep: bool = False
    maximum: int | None = None
    bound: int | None = None
    premultiplied: bool = False
    orientation: int = 1
    refused: str = ""


def read_meaning(data: bytes) -> Meaning:
    """What the samples of a file mean; plain for kinds and headers that say nothing else."""
    for signature, read in _KINDS:
        if signature.match(data):
            try:
                return read(data)
            except (struct.error, IndexError, OverflowError):  # damaged: the decoder says so
                return Meaning()
    return Meaning()


def unused_bits(greatest: Iterable[int | None]) -> int | None:
    """Bits of samples by the greatest values of 16-bit images; None where 12 are not enough."""
    values = [value for value in greatest if value is not None]
    return next((bits for bits in (8, 10, 12) if values and max(values) < 2**bits), None)


def to_rgb(image: np.ndarray, meaning: Meaning, sample_bits: int | None = None) -> np.ndarray:
    """An image as OpenCV gives it unchanged, as uint8 RGB [H, W, 3], on white where transparent.

    Args:
        image: uint8 or uint16, [H, W] or BGR(A) [H, W, 3 or 4].
        meaning: Of its file.
        sample_bits: Bits that were measured, of 16-bit images whose file does not say it.
    """
    image = image[..., None] if image.ndim == 2 else image
    white = _white(image, meaning, sample_bits)
    out = np.empty((*image.shape[:2], 3), np.uint8)
    for start in range(0, len(image), ROWS):
        part = image[start : start + ROWS]
        if white is not None:
            part = np.minimum(part * np.float32(255 / white) + np.float32(0.5), 255).astype(
                np.uint8
            )
        elif part.dtype == np.uint16:
            part = (part >> 8).astype(np.uint8)
        colors = part[..., [0, 0, 0] if part.shape[2] < 3 else [2, 1, 0]]
        if part.shape[2] == 4:
            alpha = part[..., 3:].astype(np.uint16)
            shares = colors * np.uint16(255) if meaning.premultiplied else colors * alpha
            colors = np.minimum((shares + 255 * (255 - alpha).astype(np.uint32) + 127) // 255, 255)
        out[start : start + ROWS] = colors
    return np.ascontiguousarray(_TURNS[meaning.orientation](out))


def _white(image: np.ndarray, meaning: Meaning, sample_bits: int | None) -> int | None:
    if meaning.maximum is not None:
        return meaning.maximum
    if image.dtype != np.uint16:
        return None
    bound = meaning.bound or (None if sample_bits is None else 2**sample_bits - 1)
    return bound if bound is not None and image.max(initial=0) <= bound else None


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: np.rot90,
}


def _png(data: bytes) -> Meaning:
    depth, kind = data[24:26]
    alpha, bound, turned, place = kind >= 4, None, 1, 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        if name == b"tRNS":
            alpha = True
        elif name == b"sBIT" and content and depth == 16:
            bits = max(content[:3] if kind in (2, 6) else content[:1])
            bound = 2**bits - 1 if 0 < bits < 16 else None
        elif name == b"eXIf":
            turned = _exif_orientation(content)
        place += length + 12
    plain = depth < 16 and not alpha
    return Meaning(plain, depth == 16, None, bound, orientation=turned)


def _tiff(data: bytes) -> Meaning:
    tags = _tiff_tags(data)
    bits, kind = max(tags.get(BITS, (1,))), tags.get(FORMAT, (1,))[0]
    if kind in FLOATS or bits > 16:
        return Meaning(refused=f"{FLOATS.get(kind, 'whole')} numbers of {bits} bits, {NO_RANGE}")
    if tags.get(SAMPLES) == (2,):
        return Meaning(refused=GREY_ALPHA)
    maximum = max(tags.get(MAXIMUM, (0,)))
    known = maximum if bits == 16 and 255 < maximum < 65535 else None
    # Of 8 bits libtiff gives colours multiplied by alpha, whichever the file has.
    multiplied = bits <= 8 or tags.get(EXTRA, (0,))[0] == 1
    turned = tags.get(ORIENTATION, (1,))[0] if bits == 16 else 1
    return Meaning(
        bits != 16 and EXTRA not in tags,
        bits == 16,
        known,
        premultiplied=multiplied,
        orientation=turned if turned in _TURNS else 1,
    )


def _tiff_tags(data: bytes) -> dict[int, tuple[int, ...]]:
    """Values of the first directory that are whole numbers, up to 8 of each tag."""
    tags = {}
    for tag, layout, number, value in tiff_entries(data):
        order, letter = layout
        several = f"{order}{min(number, 8)}{letter}"
        if number * struct.calcsize(layout) > len(value):
            offset = int.from_bytes(value, "little" if order == "<" else "big")
            tags[tag] = struct.unpack_from(several, data, offset)
        elif number:
            tags[tag] = struct.unpack_from(several, value)
    return tags


def _exif_orientation(data: bytes) -> int:
    try:
        turned = _tiff_tags(data.removeprefix(b"Exif\0\0")).get(ORIENTATION, (1,))[0]
    except (struct.error, IndexError, OverflowError):
        return 1
    return turned if turned in _TURNS else 1


def _webp(data: bytes) -> Meaning:
    if data[12:16] not in (b"VP8X", b"VP8L"):
        return Meaning()
    flags, turned, place = data[20] if data[12:16] == b"VP8X" else 0x10, 1, 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        if name == b"EXIF":
            turned = _exif_orientation(data[place + 8 : place + 8 + length])
        place += 8 + length + length % 2
    return Meaning(not flags & 0x10, orientation=turned)


def _avif(data: bytes) -> Meaning:
    """By the properties of its items; EXIF does not count in AVIF."""
    start = data.index(b"ipco") if b"ipco" in data else len(data)
    (size,) = struct.unpack_from(">I", data, start - 4) if start < len(data) else (0,)
    properties = data[start : start + size]
    turn = properties.find(b"irot")
    mirror = properties.find(b"imir")
    angle = properties[turn + 4] & 3 if turn >= 0 else 0  # quarters, anticlockwise
    # Mirrored afterwards, 0: top and bottom, 1: left and right.
    axis = properties[mirror + 4] & 1 if mirror >= 0 else None
    orientation = {
        (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
        (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
        (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
    }[angle, axis]  # fmt: skip
    alpha = b"auxid:1" in data or b"alpha" in data
    return Meaning(orientation == 1 and not alpha, orientation=orientation)


def _jpeg2000(data: bytes) -> Meaning:
    start = data.index(b"\xff\x4f\xff\x51")
    count, depth = struct.unpack_from(">HB", data, start + 40)
    bits = (depth & 0x7F) + 1
    if count == 2:
        return Meaning(refused=GREY_ALPHA)
    alpha = count == 4
    known = 2**bits - 1 if 8 < bits < 16 else None
    return Meaning(not alpha and bits != 16, bits == 16, known)


_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_PNM = re.compile(rb"P[2356]" + (_GAP + rb"\d{1,10}") * 2 + _GAP + rb"(\d{1,5})\s")


def _pnm(data: bytes) -> Meaning:
    found = _PNM.match(data)
    maximum = int(found[1]) if found else 255
    usual = maximum in (0, 255, 65535) or maximum > 65535
    return Meaning(usual and maximum != 65535, maximum == 65535, None if usual else maximum)


_KINDS: list[tuple[re.Pattern[bytes], Callable[[bytes], Meaning]]] = [
    (re.compile(signature, re.DOTALL), read)
    for signature, read in (
        (rb"\x89PNG\r\n\x1a\n", _png),
        (rb"II[*+]\0|MM\0[*+]", _tiff),
        (rb"RIFF....WEBP", _webp),
        (rb"GIF8[79]a", lambda data: Meaning(plain=False)),
        (rb"....ftyp", _avif),
        (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP", _jpeg2000),
        (rb"P[2356]\s", _pnm),
        (rb"P[Ff]\s|#\?R", lambda data: Meaning(refused=f"floating-point numbers, {NO_RANGE}")),
    )
]

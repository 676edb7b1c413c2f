"""From a file to pixels, with bounds on what a file may cost."""

import os
import stat
import struct
from pathlib import Path

import cv2
import numpy as np

from paddle_alexnet.data.header import MAX_PIXELS, read_claim
from paddle_alexnet.data.samples import Meaning, read_meaning, to_rgb

_NO_IMAGE = "not an image that can be decoded: of another kind, damaged or cut off"
MAX_BYTES = 2**29  # of a file: MAX_PIXELS uncompressed with alpha is 480 MB
_APNG_CHUNKS = (b"acTL", b"fcTL", b"fdAT")


class Unreadable(Exception):
    """A file gives no image; the text says why, without the file's name."""


class TooLarge(Unreadable):
    """Its header claims more pixels than are decoded."""


def read_image(
    path: str | Path, max_pixels: int = MAX_PIXELS, sample_bits: int | None = None
) -> np.ndarray:
    """Read an image, rotated and mirrored as its EXIF orientation, or AVIF's own, says.

    Grey becomes three equal channels, 16 bits become 8, what is transparent is composed on white,
    and of several frames the first is read. White is the value that the file states as its greatest
    (PNG's sBIT, TIFF's MaxSampleValue, PNM's maxval), else that of ``sample_bits``, else of all 16.

    Args:
        path: Any name that the file system allows; OpenCV's own reader fails on some.
        max_pixels: Larger images are not decoded.
        sample_bits: Bits that were measured, 8 to 16, of 16-bit images whose file does not say it.
            One with a greater value has all 16.

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        Unreadable: The file cannot be read, OpenCV cannot decode it, or its samples are no whole
            numbers from 0 on.
    """
    return decode_image(read_file(path), max_pixels, sample_bits)


def decode_image(
    data: bytes, max_pixels: int = MAX_PIXELS, sample_bits: int | None = None
) -> np.ndarray:
    """As :func:`read_image`, from a file's content."""
    meaning = _check_claim(data, max_pixels)
    if meaning.plain:
        return _decode(data, cv2.IMREAD_COLOR_RGB)
    return to_rgb(_decode(data, cv2.IMREAD_UNCHANGED), meaning, sample_bits)


def check_image(data: bytes, max_pixels: int = MAX_PIXELS) -> int | None:
    """Decode all of ``data``.

    Returns:
        The greatest value of a 16-bit image whose file does not state it; else None.

    Raises:
        Unreadable: :func:`decode_image` could not decode it.
    """
    meaning = _check_claim(data, max_pixels)
    if not meaning.plain:
        image = _decode(data, cv2.IMREAD_UNCHANGED)
        stated = meaning.maximum or meaning.bound
        return int(image.max()) if image.dtype == np.uint16 and not stated else None
    # JPEG at an eighth of its size: all of it is read, in a third of the time. Of other formats
    # OpenCV would shrink the result, and fail where nothing is left.
    jpeg = data.startswith(b"\xff\xd8")
    _decode(data, cv2.IMREAD_REDUCED_COLOR_8 if jpeg else cv2.IMREAD_COLOR)
    return None


def read_file(path: str | Path) -> bytes:
    """All bytes of a file that may be an image.

    Raises:
        Unreadable: It cannot be read, is larger than :data:`MAX_BYTES`, or is a folder, a pipe or
            a device, which might never end.
    """
    try:
        found = os.stat(path)  # before it is opened: opening a pipe would wait
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("not a regular file")
        if found.st_size > MAX_BYTES:
            raise Unreadable(f"a file of {found.st_size:,} bytes, more than {MAX_BYTES:,}")
        with open(path, "rb") as file:
            return file.read(found.st_size)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    except ValueError as error:  # a name that no file can have
        raise Unreadable(str(error)) from error


def strip_apng_chunks(data: bytes) -> bytes:
    """A PNG without its animation chunks: the image that viewers without APNG support show.

    OpenCV 5.0 ends the process (SIGSEGV) where these chunks are damaged in some ways.

    Args:
        data: A PNG whose chunks lie within it.
    """
    if not any(kind in data for kind in _APNG_CHUNKS):
        return data
    kept, place = [data[:8]], 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind not in _APNG_CHUNKS:
            kept.append(data[place : place + length + 12])
        place += length + 12
    return b"".join(kept)


def _check_claim(data: bytes, max_pixels: int) -> Meaning:
    """Check size and kind by the header."""
    if not data:
        raise Unreadable("an empty file")
    claim = read_claim(data)
    if claim is None:
        raise Unreadable(_NO_IMAGE)
    meaning = read_meaning(data)
    most = max_pixels // claim.weight // (2 if meaning.deep else 1)
    if claim.width * claim.height > most:
        raise TooLarge(
            f"claims {claim.width} x {claim.height} pixels, more than the {most:,} that are "
            "allowed for its kind (data.max_pixels, --max-pixels)"
        )
    if meaning.refused:
        raise Unreadable(f"it holds {meaning.refused}")
    return meaning


def _decode(data: bytes, flags: int) -> np.ndarray:
    if data.startswith(b"\x89PNG"):
        data = strip_apng_chunks(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        image = None
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise Unreadable(_NO_IMAGE)
    return image

"""From a file to pixels, with bounds on what a file may cost."""

import os
import stat
import struct
from pathlib import Path

import cv2
import numpy as np

from paddle_alexnet.data.header import MAX_PIXELS, read_claim

_NO_IMAGE = "not an image that can be decoded: of another kind, damaged or cut off"
MAX_BYTES = 2**29  # of a file: MAX_PIXELS uncompressed with alpha is 480 MB
_APNG_CHUNKS = (b"acTL", b"fcTL", b"fdAT")


class Unreadable(Exception):
    """A file gives no image; the text says why, without the file's name."""


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read an image, rotated and mirrored as its EXIF orientation says.

    Grey becomes three equal channels, 16 bits become 8, an alpha channel is dropped, and of several
    frames the first is read.

    Args:
        path: Any name that the file system allows; OpenCV's own reader fails on some.
        max_pixels: Larger images are not decoded.

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        Unreadable: The file cannot be read, or OpenCV cannot decode it.
    """
    return decode_image(read_file(path), max_pixels)


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """As :func:`read_image`, from a file's content."""
    return _decode(data, cv2.IMREAD_COLOR_RGB, max_pixels)


def check_image(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Decode all of ``data``.

    Raises:
        Unreadable: :func:`decode_image` could not decode it.
    """
    # JPEG at an eighth of its size: all of it is read, in a third of the time. Of other formats
    # OpenCV would shrink the result, and fail where nothing is left.
    jpeg = data.startswith(b"\xff\xd8")
    _decode(data, cv2.IMREAD_REDUCED_COLOR_8 if jpeg else cv2.IMREAD_COLOR, max_pixels)


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


def _decode(data: bytes, flags: int, max_pixels: int) -> np.ndarray:
    if not data:
        raise Unreadable("an empty file")
    claim = read_claim(data)
    if claim is None:
        raise Unreadable(_NO_IMAGE)
    if claim.width * claim.height > max_pixels // claim.weight:
        raise Unreadable(
            f"claims {claim.width} x {claim.height} pixels, more than the "
            f"{max_pixels // claim.weight:,} that are allowed for its kind (data.max_pixels, "
            "--max-pixels)"
        )
    if data.startswith(b"\x89PNG"):
        data = strip_apng_chunks(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        image = None
    if image is None:
        raise Unreadable(_NO_IMAGE)
    return image

"""The still picture in an animated PNG."""

import os
import stat
import struct
from pathlib import Path

import cv2
import numpy as np

from paddle_alexnet.data.header import MAX_PIXELS, read_claim

ANIMATION = (b"acTL", b"fcTL", b"fdAT")


def without_animation(data: bytes) -> bytes:
    """A PNG without its chunks of animation: what viewers show that know of none.

    OpenCV 5.0 ends the process (SIGSEGV) where the chunks of an animation are damaged in some ways.

    Args:
        data: A PNG whose chunks lie within it.
    """
    if not any(kind in data for kind in ANIMATION):
        return data
    kept, place = [data[:8]], 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind not in ANIMATION:
            kept.append(data[place : place + length + 12])
        place += length + 12
    return b"".join(kept)


# MERGED data.decode: From a file to pixels, with bounds on what a file may cost.


# What OpenCV may be able to read, lower case; which of them it does depends on how it was built.
_KINDS = (
    *("avif", "bmp", "dib", "gif", "hdr", "jp2", "jpe", "jpeg", "jpg", "jxl", "pbm", "pfm"),
    *("pgm", "pic", "png", "pnm", "ppm", "pxm", "ras", "sr", "tif", "tiff", "webp"),
)
IMAGE_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS)
_NO_IMAGE = "not an image that can be decoded: of another kind, damaged or cut off"
MAX_BYTES = 2**29  # of a file: MAX_PIXELS, uncompressed, with alpha, and some


class Unreadable(Exception):
    """A file gives no picture; the text says why, without the file's name."""


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image, by its suffix in any case.

    Hidden files are not: macOS leaves ``._photo.jpg`` beside ``photo.jpg`` on other disks.
    """
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as it is meant to be seen: turned as its EXIF data says.

    Grey becomes three equal channels, 16 bits become 8, an alpha channel is dropped, and of several
    frames the first is taken.

    Args:
        path: Any name that the file system has; OpenCV itself fails on some.
        max_pixels: A larger picture is not decoded.

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        Unreadable: The file cannot be read or is no picture that OpenCV decodes.
    """
    return _decode(read_file(path), cv2.IMREAD_COLOR_RGB, max_pixels)


def check_image(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Decode the whole of ``data``.

    Raises:
        Unreadable: It is no picture that :func:`read_image` would give.
    """
    # JPEG at an eighth of its size: all of it is read, in a third of the time. Of other formats
    # OpenCV would shrink the result, and fail where nothing is left.
    jpeg = data.startswith(b"\xff\xd8")
    _decode(data, cv2.IMREAD_REDUCED_COLOR_8 if jpeg else cv2.IMREAD_COLOR, max_pixels)


def read_file(path: str | Path) -> bytes:
    """All bytes of a file that may be a picture.

    Raises:
        Unreadable: It cannot be read, is larger than any picture, or is a folder, a pipe or a
            device, which might never end.
    """
    try:
        found = os.stat(path)  # before it is opened: a pipe would wait
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
        data = without_animation(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        image = None
    if image is None:
        raise Unreadable(_NO_IMAGE)
    return image

"""Decoded pictures kept, in memory or on disk, so that not every epoch decodes them anew.

They are kept as they were read, so batches are the same to the bit with and without.
"""

import contextlib
import functools
import hashlib
import logging
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from paddle_alexnet.data.decode import Unreadable, read_image
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.errors import ConfigError

log = logging.getLogger(__name__)

# From a path to uint8 RGB [H, W, 3], as paddle_alexnet.data.decode.read_image.
Read = Callable[[str], np.ndarray]

GIB = 2**30
SUFFIX = ".pixels"
# An entry: a mark, height and width; the pixels; the CRC-32 of both.
HEADER, CHECKSUM = struct.Struct("<8sII"), struct.Struct("<I")
MARK = b"pixels01"
HALF = ".part"  # how the name of an entry ends that is being written
# Seconds after which one is that of a process that was killed. Writing takes less than one; where
# a process slept in between, it finds its file gone and keeps no more.
LONGEST_WRITING = 3600


def open_cache(
    kind: str, gib: float, folder: str | None = None, max_pixels: int = MAX_PIXELS
) -> Read:
    """A way to read pictures.

    Args:
        kind: ``none`` (decode each time), ``ram`` or ``disk``.
        gib: What it may take, GiB; what does not fit is decoded each time.
        folder: Of ``disk``; made where it is missing. None for :func:`user_folder`.
        max_pixels: A larger picture is not decoded.

    Raises:
        ConfigError: The folder cannot be made.
    """
    if kind == "none":
        return functools.partial(read_image, max_pixels=max_pixels)
    limit = int(gib * GIB)
    if kind == "ram":
        return MemoryCache(limit, max_pixels)
    folder = folder or user_folder()
    try:
        os.makedirs(folder, exist_ok=True)
        _clear(folder)
        used = _size(folder)
    except OSError as error:
        raise ConfigError(
            f"data.cache_dir: cannot use {folder}: {error.strerror}; name another folder"
        ) from error
    log.info("decoded pictures are kept in %s: %.2f of %g GiB in use", folder, used / GIB, gib)
    return DiskCache(folder, limit, max_pixels)


def user_folder() -> str:
    """Where this system keeps what a user's programs can make again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return str(Path(base).expanduser() / "paddle-alexnet" / "pictures")


class MemoryCache:
    """Pictures in the memory of this process, the first that fit.

    A file that changes later is not looked at again. Pickled to another process it keeps none.

    Args:
        limit: Bytes of pixels.
        max_pixels: A larger picture is not decoded.
    """

    def __init__(self, limit: int, max_pixels: int = MAX_PIXELS) -> None:
        self.max_pixels = max_pixels
        self._kept: dict[str, np.ndarray] = {}
        self._left = limit
        self._lock = threading.Lock()

    def __call__(self, path: str) -> np.ndarray:
        """As :func:`paddle_alexnet.data.decode.read_image`; not to be written to."""
        image = self._kept.get(path)
        if image is not None:
            return image
        image = read_image(path, self.max_pixels)
        with self._lock:
            if path not in self._kept and image.nbytes <= self._left:
                image.flags.writeable = False
                self._kept[path] = image
                self._left -= image.nbytes
        return image

    def __reduce__(self) -> tuple[type["MemoryCache"], tuple[int, int]]:
        return MemoryCache, (0, self.max_pixels)


class DiskCache:
    """Pictures in a folder that any number of processes and runs may share.

    An entry belongs to a file's path, size and time of change, and to this build of OpenCV. It is
    written beside and renamed; one that is damaged is decoded and written anew. Where the folder
    cannot be written, a warning says so and pictures are decoded. All may be deleted at any time.

    Args:
        folder: Exists.
        limit: Bytes of all entries. Each process may go over by a 32nd, as it counts what others
            write now and then.
        max_pixels: A larger picture is not decoded.
    """

    def __init__(self, folder: str, limit: int, max_pixels: int = MAX_PIXELS) -> None:
        self.folder = folder
        self.limit = limit
        self.max_pixels = max_pixels

    def __call__(self, path: str) -> np.ndarray:
        """As :func:`paddle_alexnet.data.decode.read_image`; not to be written to."""
        try:
            entry = os.path.join(self.folder, _key(path) + SUFFIX)
        except OSError as error:
            raise Unreadable(error.strerror) from error
        image = _load(entry)
        if image is None:
            image = read_image(path, self.max_pixels)
            _room(self.folder, self.limit).store(entry, image)
        return image


class _Room:
    """What this process may still write to a folder."""

    def __init__(self, folder: str, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self.used, self.counted = limit, 0  # far apart: to be counted at first
        self.closed = False

    def store(self, entry: str, image: np.ndarray) -> None:
        if self.closed:
            return
        beside = f"{entry}.{os.getpid()}.{threading.get_ident()}{HALF}"
        try:
            if self.used - self.counted > self.limit // 32:
                self.used = self.counted = _size(self.folder)
            self.used += HEADER.size + image.nbytes + CHECKSUM.size
            if self.used > self.limit:
                self.closed = True
                log.info("%s is full: further pictures are decoded each time", self.folder)
                return
            data = HEADER.pack(MARK, *image.shape[:2]) + image.tobytes()
            with open(beside, "wb") as file:
                file.write(data)
                file.write(CHECKSUM.pack(zlib.crc32(data)))
            os.replace(beside, entry)
        except OSError as error:
            self.closed = True
            text = "pictures are no longer kept: cannot write %s: %s"
            log.warning(text, self.folder, error.strerror)
            with contextlib.suppress(OSError):
                os.unlink(beside)


@functools.cache
def _room(folder: str, limit: int) -> _Room:
    """One for a process, however often a cache is pickled to it."""
    return _Room(folder, limit)


def _key(path: str) -> str:
    status = os.stat(path)
    told = (os.path.abspath(path), str(status.st_size), str(status.st_mtime_ns), _build())
    return hashlib.sha256(os.fsencode("\0".join(told))).hexdigest()[:32]


@functools.cache
def _build() -> str:
    """Names OpenCV and the libraries that decode for it: others may round otherwise."""
    return hashlib.sha256(cv2.getBuildInformation().encode()).hexdigest()


def _load(entry: str) -> np.ndarray | None:
    """The picture of an entry, or None where there is no whole one."""
    try:
        data = memoryview(Path(entry).read_bytes())
    except OSError:
        return None
    content, checksum = data[: -CHECKSUM.size], data[-CHECKSUM.size :]
    if len(content) < HEADER.size or checksum != CHECKSUM.pack(zlib.crc32(content)):
        return None
    mark, height, width = HEADER.unpack_from(content)
    pixels = np.frombuffer(content, np.uint8, offset=HEADER.size)
    return pixels.reshape(height, width, 3) if mark == MARK else None


def _clear(folder: str) -> None:
    """Remove what processes that were killed were writing.

    By its age and not by the process's number, which may be that of another machine.
    """
    with os.scandir(folder) as files:
        for file in files:
            if SUFFIX in file.name and file.name.endswith(HALF):
                with contextlib.suppress(OSError):  # removed by another process, or not ours
                    if time.time() - file.stat().st_mtime > LONGEST_WRITING:
                        os.unlink(file.path)


def _size(folder: str) -> int:
    """Bytes of all entries. One that another process takes away meanwhile counts as nothing."""
    total = 0
    with os.scandir(folder) as files:
        for file in files:
            if SUFFIX in file.name:
                with contextlib.suppress(FileNotFoundError):
                    total += file.stat().st_size
    return total

"""Reading logs with care: they may be damaged, half written, or lead out of the folder.

VisualDL follows links wherever they lead, waits for ever at a named pipe, and one bad record stops
it for all runs. :func:`patch_log_reading` replaces how it reads; nothing is changed at import.
"""

import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

# A picture of the log has some 100 kB. What claims more than this is damaged.
RECORD_LIMIT = 64 * 2**20
# What files of records and of graphs are called.
LOG_NAMES = ("vdlrecords", "vdlgraph")


def open_file(path: str | Path) -> BinaryIO:
    """Open a file for reading, but no link, pipe or device.

    Raises:
        OSError: It is none of its kind, or cannot be read.
    """
    # NONBLOCK: opening a pipe does not wait for its other end. Windows has neither flag.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is not a file")
    return file


def walk_inside(folder: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Like ``os.walk`` of a folder, without links and with files of logs only."""
    for root, folders, names in os.walk(folder):
        logs = [name for name in names if any(word in name for word in LOG_NAMES)]
        yield root, folders, [name for name in logs if _is_file(os.path.join(root, name))]


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:  # gone meanwhile
        return False


def whole_records(path: str | Path, start: int) -> Iterator[tuple[bytes, int]]:
    """The records of a log that are wholly written, from byte ``start`` on.

    A record is its length, 8 bytes, and its content. A length that cannot be ends the log, as
    nothing behind it can be found.

    Yields:
        The content of a record, and the byte where the next one starts.

    Raises:
        OSError: The file cannot be read.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(start)
        while start + 8 <= size:
            (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
            start += 8 + length
            if not 0 < length <= RECORD_LIMIT or start > size:
                return
            record = file.read(length)
            if len(record) < length:  # cut off meanwhile
                return
            yield record, start


def patch_log_reading() -> None:
    """Make VisualDL read logs by the functions above, and go on where a record is damaged.

    A reader made after this call shares no store of records with those made before. Replaces
    ``RecordReader.get_remain``, ``LogReader.add_remain``, ``LocalFileSystem.read`` and
    ``LocalFileSystem.walk``, ``retry`` in ``visualdl.server.lib``, and ``default_data_manager`` in
    ``visualdl.reader.reader``.
    """
    from visualdl.io import bfile
    from visualdl.reader import reader, record_reader
    from visualdl.server import data_manager, lib

    def get_remain(self: Any, update: bool = False) -> Iterator[bytes]:
        for record, end in whole_records(self._filepath, self.__dict__.get("read_to", 0)):
            self.read_to = end
            yield record

    def add_remain(self: Any) -> None:
        for log in list(self.readers.values()):
            self.reader = log
            try:
                remaining = log.get_remain()
                while _add_one(self, remaining):
                    pass
            except OSError:  # gone, or not to be read: the other runs are
                continue

    def read(
        self: Any,
        filename: str,
        binary_mode: bool = False,
        size: Any = None,
        continue_from: Any = None,
    ) -> tuple[bytes | str, dict[str, int]]:
        with open_file(filename) as file:
            file.seek((continue_from or {}).get("last_offset", 0))
            data = file.read(size)
            return data if binary_mode else data.decode(), {"last_offset": file.tell()}

    record_reader.RecordReader.get_remain = get_remain
    reader.LogReader.add_remain = add_remain
    bfile.LocalFileSystem.read = read
    bfile.LocalFileSystem.walk = lambda self, folder: walk_inside(folder)
    lib.retry = _once
    reader.default_data_manager = data_manager.DataManager()


def _add_one(log_reader: Any, remaining: Iterator[bytes]) -> bool:
    """Hand on one record, if it can be understood; False at the end."""
    record = next(remaining, None)
    if record is None:
        return False
    try:
        kind, run, tag, value = log_reader.parse_from_bin(record)
        log_reader.data_manager.add_item(kind, run, tag, value)
    except Exception:  # of damaged bytes protobuf and VisualDL raise anything
        return True
    return True


def _once(times: int, function: Callable[..., Any], pause: float, *words: Any) -> Any:
    """Without waiting for what will not come: nobody else is answered meanwhile."""
    try:
        return function(*words)
    except Exception:  # it is asked for what no log holds
        return None

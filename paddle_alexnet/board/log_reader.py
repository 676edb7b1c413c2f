"""Read logs that may be damaged, incomplete, or links out of the folder.

VisualDL follows links anywhere, blocks on a named pipe, and one bad record stops it for all runs.
:func:`patch_log_reading` replaces its reading functions; nothing is changed at import.
"""

import contextlib
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

# Bytes; an image in the log has about 100 kB. A record that claims more is damaged.
RECORD_LIMIT = 64 * 2**20
# Parts of the names of log files: records and graphs.
LOG_NAMES = ("vdlrecords", "vdlgraph")


def open_file(path: str | Path) -> BinaryIO:
    """Open a regular file for reading; no link, pipe or device.

    Raises:
        OSError: It is not a regular file, or cannot be read.
    """
    # O_NONBLOCK: opening a pipe does not wait for a writer. Windows has neither flag.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{str(path)!r} is not a file")
    return file


def walk_inside(folder: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Like ``os.walk`` of a folder, in order of name, without links, and with log files only."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        logs = [name for name in names if any(word in name for word in LOG_NAMES)]
        yield root, folders, [name for name in logs if _is_file(os.path.join(root, name))]


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:  # removed meanwhile
        return False


def whole_records(path: str | Path, start: int) -> Iterator[tuple[bytes, int]]:
    """The complete records of a log, from byte ``start`` on.

    A record is its length (8 bytes, little-endian) and its content. An impossible length ends the
    log, because what follows cannot be found.

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
            if len(record) < length:  # truncated meanwhile
                return
            yield record, start


def patch_log_reading() -> None:
    """Make VisualDL read logs with the functions above, and continue after a damaged record.

    A reader made after this call shares no records with readers made before. Replaces
    ``RecordReader.get_remain``, ``LogReader.add_remain``, ``LogReader.register_reader``,
    ``LogReader.update_meta_data``, ``LocalFileSystem.read`` and ``LocalFileSystem.walk``; in
    ``visualdl.server.lib`` ``retry``, ``get_embeddings_list`` and ``get_hparam_list``; and
    ``default_data_manager`` in ``visualdl.reader.reader``.
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
            with contextlib.suppress(OSError):  # removed or unreadable: continue with other runs
                for record in log.get_remain():
                    # protobuf and VisualDL raise any exception for damaged bytes.
                    with contextlib.suppress(Exception):
                        self.data_manager.add_item(*self.parse_from_bin(record))

    stock_register, stock_hparams = reader.LogReader.register_reader, lib.get_hparam_list

    def register_reader(self: Any, path: str, dir: str | None = None, update: bool = True) -> None:
        stock_register(self, path, dir, update)
        if dir is not None:
            # The page cuts long names, so that the absolute paths of runs would look alike.
            self.tags2name[dir] = name = run_name(self.dir[0], dir)
            self.name2tags[name] = dir

    def get_hparam_list(log_reader: Any) -> list[dict[str, Any]]:
        rows = stock_hparams(log_reader)
        for row in rows:
            row["name"] = log_reader.tags2name.get(row["name"], row["name"])
            # Stored as float32: 0.4 would be shown as 0.4000000059604645.
            row["metrics"] = {
                key: float(f"{value:.6g}") if isinstance(value, float) else value
                for key, value in row["metrics"].items()
            }
        return rows

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
    reader.LogReader.register_reader = register_reader
    # A log may not choose the name of its run, which may be another run's.
    reader.LogReader.update_meta_data = lambda self, record: None
    bfile.LocalFileSystem.read = read
    bfile.LocalFileSystem.walk = lambda self, folder: walk_inside(folder)
    lib.retry = _once
    lib.get_embeddings_list = list_embeddings
    lib.get_hparam_list = get_hparam_list
    reader.default_data_manager = data_manager.DataManager()


def find_runs(logdir: str | Path) -> tuple[list[str], list[str]]:
    """Names of the runs that a board shows, and paths that it passes over.

    Passed over are links, whatever they lead to, and logs that are not regular files.
    """
    runs, passed = [], []
    for root, folders, names in os.walk(logdir):
        logs = [name for name in names if any(word in name for word in LOG_NAMES)]
        good = [name for name in logs if _is_file(os.path.join(root, name))]
        if good:
            runs.append(run_name(str(logdir), root))
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        passed += [os.path.join(root, name) for name in (*links, *set(logs).difference(good))]
    return sorted(runs), sorted(passed)


def run_name(logdir: str, folder: str) -> str:
    """The name of a run: its folder seen from ``logdir``, whose own name stands for itself."""
    name = Path(os.path.relpath(folder, logdir)).as_posix()
    return Path(logdir).resolve().name if name == "." else name


def list_embeddings(log_reader: Any) -> list[dict[str, Any]]:
    """The embeddings of all runs: name and shape.

    VisualDL's own list stops at the first one it listed before, so that a run added later never
    appears; and with absolute names its caches of vectors and labels collide.
    """
    from visualdl.server import lib
    from visualdl.utils.string_util import decode_tag

    lib.EMBEDDING_NAME.clear()
    found = []
    listed = lib.get_logs(log_reader, "embeddings")
    for run, tags in zip(listed["runs"], listed["tags"], strict=True):
        for tag in tags:
            folder, name = log_reader.name2tags.get(run, run), f"{run}/{decode_tag(tag)}"
            reservoir = log_reader.data_manager.get_reservoir("embeddings")
            rows = reservoir.get_items(folder, decode_tag(tag))[0].embeddings.embeddings
            lib.EMBEDDING_NAME[name] = {"run": folder, "tag": tag}
            found.append({"name": name, "shape": [len(rows), len(rows[0].vectors)]})
    return found


def _once(times: int, function: Callable[..., Any], pause: float, *args: Any) -> Any:
    """Call once: VisualDL sleeps between three attempts, and no other request is answered then."""
    with contextlib.suppress(Exception):  # raised if no log holds what was asked for
        return function(*args)
    return None

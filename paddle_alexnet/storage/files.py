"""Small texts and JSON out of files that anybody may have written."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paddle_alexnet.errors import RunError

MAX_TEXT = 1 << 24  # bytes; ImageNet's 21,841 names have a few hundred thousand


def read_text(path: str | Path, most: int = MAX_TEXT) -> str:
    """Read a UTF-8 file of at most ``most`` bytes.

    Raises:
        OSError: It cannot be read.
        ValueError: It is larger, or not UTF-8.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    return data.decode("utf-8")


def parse_json(text: str) -> Any:
    """Parse JSON; NaN and Infinity are taken, as Python writes them.

    Raises:
        ValueError: It is no JSON, nested too deeply, or an object has a key twice.
        TypeError: ``text`` is no text.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"the key {double[:100]!r} stands there twice")
    return values


# MERGED storage.writing: Writing a file or a folder so that it is whole or not there.


MAX_NAME_BYTES = 255  # bytes of a file's


def write_whole(
    path: str | Path, write: Callable[[str], object], *, keep: Path | None = None
) -> None:
    """Have ``write(name)`` make a file beside ``path``, sync it, then rename it to ``path``.

    A pipe or a device at ``path`` is written to as it is.

    Args:
        path: The file.
        write: Given the name of a file beside it.
        keep: What stood at ``path`` is renamed to this; it is lost where this is None. A process
            that is killed between the two renames leaves nothing at ``path``.

    Raises:
        RunError: A step failed; a file that stood at ``path`` is whole there, or at ``keep``.
    """
    path = Path(path)
    check_target(path)
    if path.exists() and not path.is_file():
        try:
            write(str(path))
        except OSError as error:
            raise RunError(f"cannot write {path}: {error}") from error
        return
    beside = path.with_name(_beside(path.name))
    try:
        beside.touch()
        mode = beside.stat().st_mode
        write(str(beside))
        # safetensors makes files that only their owner can read: back to what is usual here.
        beside.chmod(mode)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            path.replace(keep)
        beside.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if not isinstance(error, Exception):
            raise  # stopped
        # safetensors reports a full disk with an exception of its own.
        raise RunError(f"cannot write {path}: {error}") from error


def _beside(name: str) -> str:
    """The name of what is to become ``name``; no longer than file systems take."""
    end = f".{os.getpid()}.part"
    if len(os.fsencode(name)) + 1 + len(end) > MAX_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f".{name}{end}"


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, so that a rename outlives a power cut.

    Windows has no such call.
    """
    _sync(folder)


def _sync_tree(folder: Path) -> None:
    """Bring a folder to the disk with all that is in it; not on Windows."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            _sync(os.path.join(place, name))
        _sync(place)


def _sync(path: str | Path) -> None:
    if os.name == "posix":
        # For reading, as a copy of a file that cannot be written to cannot be either.
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some file systems know no such call either
                raise
        finally:
            os.close(handle)


def check_target(path: str | Path) -> None:
    """Check early that a file can be written where it is wanted.

    Raises:
        RunError: ``path`` is a folder, lies in none, or is no possible name.
    """
    path = Path(path)
    try:
        is_folder, lies_in_one = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name that is too long
        raise RunError(f"cannot write {path}: {error.strerror}") from error
    if is_folder:
        raise RunError(f"cannot write {path}: it is a folder; name a file")
    if not lies_in_one:
        raise RunError(f"cannot write {path}: there is no folder {path.parent}; make it first")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with :func:`write_whole`.

    What is no character, as in a file name that is not UTF-8, becomes an escape that JSON knows.

    Raises:
        RunError: It cannot be written.
    """
    data = text.encode("utf-8", "backslashreplace")
    write_whole(path, lambda beside: Path(beside).write_bytes(data))


def is_free(path: Path) -> bool:
    """Whether a folder can be made at ``path``: nothing is there, or an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a new folder beside ``path`` that becomes ``path`` when the block ends well.

    By then all that is in it is on the disk. Where the block fails, the new folder goes away.

    Args:
        path: Must not exist or be an empty folder.

    Raises:
        OSError: It cannot be made, or ``path`` is taken.
    """
    path = Path(path)
    if not is_free(path):
        raise FileExistsError(errno.EEXIST, "something is there already", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield beside
        # mkdtemp makes folders that only their owner can enter: back to what is usual here.
        beside.chmod(path.parent.stat().st_mode & 0o777)
        _sync_tree(beside)
        if path.exists():
            path.rmdir()  # fails where it is no longer empty
        beside.rename(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise

"""Read small text and JSON files with limits; write files and folders completely or not at all.

Text and JSON may come from anybody, so their size and their values are checked. A file or a folder
is written under a temporary name, synced to the disk, and then renamed: after a crash or a power
cut there is the old content or the new one, never a part.
"""

import codecs
import contextlib
import errno
import functools
import hashlib
import json
import math
import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from paddle_alexnet.errors import RunError

MAX_TEXT = 1 << 24  # bytes; ImageNet's 21,841 class names take a few hundred thousand
MAX_NAME_BYTES = 255  # of a file name, on all usual file systems

_T = TypeVar("_T")


def read_text(path: str | Path, most: int = MAX_TEXT) -> str:
    """Read a UTF-8 file of at most ``most`` bytes, without a byte order mark.

    Raises:
        OSError: It cannot be read.
        ValueError: It is larger, or not UTF-8.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    return decode_text(data)


def decode_text(data: bytes) -> str:
    """UTF-8 without its byte order mark, which Windows' editors write.

    Raises:
        ValueError: It is not UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is UTF-16: save it as UTF-8")
    return data.decode("utf-8-sig")


def split_lines(text: str) -> list[str]:
    """The lines of a text of any system; str.splitlines also breaks at rarer characters."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def parse_json(text: str, **hooks: Callable[[str], Any]) -> Any:
    """Parse JSON. NaN and Infinity are accepted, as Python writes them.

    Args:
        text: JSON.
        hooks: ``parse_int``, ``parse_float`` and ``parse_constant`` of :func:`json.loads`.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or an object has the same key twice.
        TypeError: ``text`` is not a string.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, **hooks)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_strict(kind: type[_T], text: str, *, allow_nan: bool = False) -> _T:
    """Parse JSON as a value of one type, with pydantic's strict rules.

    No value is converted: a bool or 1.0 is not an int, "1" is not a number; an int may stand for a
    float. A dataclass or TypedDict takes an object without unknown keys; missing keys take their
    defaults. Ranges are part of the type: ``Annotated[int, Field(ge=0)]``.

    Args:
        kind: A type that :class:`pydantic.TypeAdapter` accepts, e.g. a dataclass or
            ``dict[str, float]``.
        text: JSON.
        allow_nan: Accept NaN and infinite numbers.

    Raises:
        ValueError: As :func:`parse_json`; or a value has another type or range, is not finite, or
            is an int of more than 64 bits. The message is short and names the key.
        TypeError: ``text`` is not a string.
    """
    hooks = {} if allow_nan else {"parse_float": _finite, "parse_constant": _finite}
    parse_json(text, parse_int=_int64, **hooks)
    try:
        return _adapter(kind).validate_json(text, strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, fault["loc"]))[:100]
        message = fault["msg"][:1].lower() + fault["msg"][1:200]
        raise ValueError(f"{key!r}: {message}" if key else message) from error


# Building an adapter takes much longer than using it.
_adapter = functools.cache(pydantic.TypeAdapter)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        (double, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {double[:100]!r} is given twice")
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:30]} is not a finite number")
    return number


def _int64(text: str) -> int:
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{text[:30]}... does not fit into 64 bits")
    return number


def check_target(path: str | Path) -> None:
    """Check early that a file can be written to ``path``.

    Raises:
        RunError: ``path`` is a folder, its folder does not exist, or the name is not possible.
    """
    path = Path(path)
    reason = f"there is no folder {path.parent}; make it first"
    try:
        if path.is_dir():
            reason = "it is a folder; name a file"
        elif path.parent.is_dir():
            return
    except OSError as error:  # the name is too long
        reason = error.strerror
    raise RunError(f"cannot write {path}: {reason}")


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those above it, where they are missing.

    Raises:
        RunError: It cannot be made, or something else is there.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {path}: {error.strerror}") from error
    return Path(path)


def write_whole(
    path: str | Path, write: Callable[[str], object], *, keep: Path | None = None
) -> None:
    """Call ``write(name)`` with a temporary name in the same folder, sync, rename to ``path``.

    A pipe or a device at ``path`` is written directly.

    Args:
        path: The file.
        write: Gets the temporary name.
        keep: The file that was at ``path`` is renamed to this; if None, it is replaced. A process
            that is killed between the two renames leaves no file at ``path``.

    Raises:
        RunError: A step failed. A file that was at ``path`` is intact there, or at ``keep``.
    """
    path = Path(path)
    check_target(path)
    part = path.with_name(_temporary_name(path.name))
    try:
        if path.exists() and not path.is_file():
            write(str(path))
            return
        part.touch()
        mode = part.stat().st_mode
        write(str(part))
        # safetensors makes files that only their owner can read: back to the usual mode.
        part.chmod(mode)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            path.replace(keep)
        part.replace(path)
        _sync(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if not isinstance(error, Exception):
            raise  # stopped by a signal
        # Not only OSError: safetensors has its own exception for a full disk.
        raise RunError(f"cannot write {path}: {error}") from error


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with :func:`write_whole`.

    Lone surrogates, as in file names that are not UTF-8, become escapes that JSON understands.

    Raises:
        RunError: It cannot be written.
    """
    data = text.encode("utf-8", "backslashreplace")
    write_whole(path, lambda part: Path(part).write_bytes(data))


def _temporary_name(name: str) -> str:
    """A temporary name for the file ``name``, not longer than file systems accept."""
    end = f".{os.getpid()}.part"
    if len(os.fsencode(name)) + 1 + len(end) > MAX_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f".{name}{end}"


def is_free(path: Path) -> bool:
    """Whether a folder can be made at ``path``: it does not exist or is an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a new temporary folder that becomes ``path`` if the block succeeds.

    Its content is synced to the disk before the rename. If the block fails, it is removed.

    Args:
        path: Must not exist or be an empty folder.

    Raises:
        OSError: It cannot be made, or ``path`` is taken.
    """
    path = Path(path)
    if not is_free(path):
        raise FileExistsError(errno.EEXIST, "something is there already", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        # mkdtemp makes folders that only their owner can enter: later back to the usual mode.
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _mode_of_new(part / "new")
        yield part
        part.chmod(mode)
        for folder, _, names in os.walk(part, topdown=False):
            for entry in (*names, ""):
                _sync(os.path.join(folder, entry))
        if path.exists():
            path.rmdir()  # fails if it is no longer empty
        part.rename(path)
        _sync(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _mode_of_new(folder: Path) -> int:
    """The mode that a new folder gets; the umask cannot be read without setting it."""
    folder.mkdir()
    mode = stat.S_IMODE(folder.stat().st_mode)
    folder.rmdir()
    return mode


def _sync(path: str | Path) -> None:
    """Sync a file, or the names in a folder, so that they survive a power cut; not on Windows."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)  # for reading: a file of a copy may be read-only
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot sync folders
            raise
    finally:
        os.close(handle)

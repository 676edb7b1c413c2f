"""Writing a file so that it is whole or not there."""

import os
from collections.abc import Callable
from pathlib import Path

from paddle_alexnet.errors import RunError


def write_whole(path: str | Path, write: Callable[[str], object]) -> None:
    """Have ``write(name)`` make a file beside ``path``, sync it, then rename it to ``path``.

    Raises:
        RunError: A step failed; a file that stood at ``path`` is untouched.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.touch()
        mode = beside.stat().st_mode
        write(str(beside))
        # safetensors makes files that only their owner can read: back to what is usual here.
        beside.chmod(mode)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except Exception as error:
        beside.unlink(missing_ok=True)
        # safetensors reports a full disk with an exception of its own.
        raise RunError(f"cannot write {path}: {error}") from error


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with :func:`write_whole`.

    Raises:
        RunError: It cannot be written.
    """
    write_whole(path, lambda beside: Path(beside).write_text(text, encoding="utf-8"))

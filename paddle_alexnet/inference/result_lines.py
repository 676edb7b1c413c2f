"""Results of classification as lines of JSON, written as they come."""

import contextlib
import json
import os
import stat
from pathlib import Path
from types import TracebackType

from paddle_alexnet.errors import RunError
from paddle_alexnet.inference.predict import Prediction


class ResultLines:
    """A file with one JSON object per line, each whole and written at once.

    A pipe or a device gets its lines too. A context manager that closes the file.

    Args:
        path: Replaced if it exists.

    Raises:
        RunError: It cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        try:
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115 # closed by __exit__
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from error
        self._is_file = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)

    def __enter__(self) -> "ResultLines":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, prediction: Prediction) -> None:
        """Write one line.

        Raises:
            RunError: It cannot be written; lines that follow may be, as each begins a line.
            BrokenPipeError: The reader of a pipe has gone.
        """
        line = result_line(prediction).encode("utf-8", "backslashreplace") + b"\n"
        start = self._file.tell() if self._is_file else 0
        left = memoryview(line)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._is_file:
                with contextlib.suppress(OSError):
                    self._file.truncate(start)
                    self._file.seek(start)
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error


def result_line(prediction: Prediction) -> str:
    """A result as JSON in one line."""
    return json.dumps(prediction.to_json(), ensure_ascii=False)

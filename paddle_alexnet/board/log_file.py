"""The file of a log, in place of VisualDL's own.

That one drops a record that cannot be written and goes on, which leaves half a record in front of
all later ones; and where the folder is gone it makes it again, empty.
"""

import contextlib
from pathlib import Path


class LogFile:
    """Appends to a file that stays open, until the first error.

    VisualDL calls it from a thread of its own, where an exception would go unseen.

    Args:
        path: An existing log of whole records, or a new one.

    Attributes:
        error: What went wrong first, or None; nothing is written after it.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - VisualDL closes it
        self.error: OSError | None = None

    def write(self, data: bytes) -> None:
        """Append a record, whole or not at all."""
        if self.error is not None:
            return
        start = self._file.tell()
        try:
            if self._file.write(data) != len(data):
                raise OSError("a part only was written; is the disk full?")
        except OSError as error:
            self.error = error
            with contextlib.suppress(OSError):
                self._file.truncate(start)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._file.closed

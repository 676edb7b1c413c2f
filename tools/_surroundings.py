"""What a tool needs of the system and does not always find: streams, a home that can be written.

Nothing here fails where something is missing: closed streams are replaced, a notebook's are used
as they are, and a terminal that is gone takes the text with it but not the work.
"""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from paddle_alexnet.config.schema import HOME_BEFORE

# Where VisualDL, Paddle and Matplotlib make folders when they are loaded or used, below the home.
MADE_AT_HOME = ("", ".visualdl", ".cache", ".cache/paddle", ".cache/paddle/to_static_tmp")


class Stream:
    """A text stream, whatever it is, that shows what it cannot encode as escapes.

    Args:
        stream: Where the text goes.
        convert: Applied to each text.
        ignored: Numbers of errors in which the text is lost: its reader has gone.
    """

    def __init__(
        self, stream: Any, convert: Callable[[str], str] = str, ignored: tuple[int, ...] = ()
    ) -> None:
        self.stream = stream
        self.convert = convert
        self.ignored = ignored

    def write(self, text: str) -> int:
        """Write ``text``, converted."""
        return self.write_plain(self.convert(text))

    def write_plain(self, text: str) -> int:
        """Write ``text`` as it is."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        with self._tolerant():
            self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Flush."""
        with self._tolerant():
            self.stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return getattr(self.stream, "isatty", bool)()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in self.ignored:
                raise


@contextlib.contextmanager
def prepared_streams(convert: Callable[[str], str]) -> Iterator[None]:
    """Standard streams that can be written to, while the block runs; output is converted.

    A reader of the output that has gone ends a tool, as in ``| head``; one of the messages, or a
    terminal, does not.
    """
    _open_missing()
    before = sys.stdout, sys.stderr
    sys.stdout = Stream(sys.stdout, convert, (errno.EIO,))
    sys.stderr = Stream(sys.stderr, ignored=(errno.EIO, errno.EPIPE))
    try:
        yield
    finally:
        for stream in before:
            try:
                stream.flush()
            except OSError:  # Python would try again at its end, and fail
                with contextlib.suppress(OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.stdout, sys.stderr = before


def _open_missing() -> None:
    """Open the null device in place of closed streams.

    Else the next file that is opened gets the number of the stream, and what a library writes to
    standard error goes into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the least number that is free
        if getattr(getattr(sys, name), "closed", getattr(sys, name) is None):
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 # kept open


@contextlib.contextmanager
def writable_home() -> Iterator[None]:
    """A home for what libraries store, while the block runs: a temporary one if need be.

    ``~`` in a configuration stays the home of before.

    Raises:
        OSError: There is no folder for temporary files either.
    """
    home = os.path.expanduser("~")
    places = [os.path.join(home, name) for name in MADE_AT_HOME]
    if all(os.access(p, os.W_OK | os.X_OK) for p in [home, *filter(os.path.lexists, places)]):
        yield
        return
    try:
        temporary = tempfile.mkdtemp(prefix="alexnet-home-")
    except OSError as error:
        raise OSError(
            f"{home} cannot be written, and there is no folder for temporary files: set HOME or "
            "TMPDIR to a folder that can be"
        ) from error
    names = ("HOME", "USERPROFILE", HOME_BEFORE)
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({"HOME": temporary, "USERPROFILE": temporary, HOME_BEFORE: home})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(temporary, ignore_errors=True)

"""What every tool does alike: set up the process, show errors in one line, give an exit code.

Exit codes: 0 done; 1 a failure; 2 usage or configuration; 130 Ctrl-C; 143 SIGTERM.
"""

import argparse
import contextlib
import io
import logging
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

INSTALL = "install the project first: make setup, or pip install -e '.[cpu]' (see README.md)"
# Debian's packages of the system libraries that OpenCV and Paddle load.
SYSTEM_LIBRARIES = {
    "libGL.so": "libgl1",
    "libgthread": "libglib2.0-0",
    "libglib": "libglib2.0-0",
    "libgomp": "libgomp1",
}

try:
    from paddle_alexnet.data.header import MAX_PIXELS, PIXELS_AT_MOST
    from paddle_alexnet.errors import AlexNetError, ConfigError
    from paddle_alexnet.printable import printable_lines
    from paddle_alexnet.runtime.cpu import speed_up
except ModuleNotFoundError as missing:
    sys.exit(f"error: {missing}; {INSTALL}")


class _Messages(logging.Formatter):
    """Messages name files and classes, which strangers may have named."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def run(
    main: Callable[[dict[str, Any]], int | None], *, for_memory: str = "end other programs"
) -> NoReturn:
    """Call ``main`` with the report of :func:`speed_up` and exit.

    Args:
        main: Parses arguments and does the work; imports what loads Paddle inside, so that the
            settings of the processor come first and ``--help`` is quick.
        for_memory: What to do where memory runs out.
    """
    messages = logging.StreamHandler(sys.stderr)
    messages.setFormatter(_Messages("%(message)s"))
    logging.basicConfig(handlers=[messages], level=logging.INFO)
    # File names need not be text.
    sys.stdout.reconfigure(errors="backslashreplace")
    # So that files half written are taken away.
    signal.signal(signal.SIGTERM, end_by_signal)
    # Paddle looks for a C++ compiler cache when loaded; nothing here compiles C++.
    warnings.filterwarnings("ignore", message="No ccache found")
    # And notes about its own code when it makes a graph.
    warnings.filterwarnings("ignore", message="Tensor do not have 'place' interface")
    os.environ.setdefault("GLOG_minloglevel", "2")
    # Both are read when OpenCV is loaded. What it says of damaged files names none of them; we do.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
    # For files in which it finds another size than data/header.py.
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(PIXELS_AT_MOST))
    cpu_speed = speed_up()
    if cpu_speed["late"]:
        logging.warning("Paddle was loaded before its CPU settings: it will be slower")
    try:
        sys.exit(main(cpu_speed) or 0)
    except ConfigError as error:
        _fail(error, 2)
    except AlexNetError as error:
        _fail(error, 1)
    except MemoryError:
        _fail(f"memory ran out: {for_memory}", 1)
    except ImportError as error:
        _fail(f"{error}; {_cure(error)}", 1)
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C", 130)
    except BrokenPipeError:
        sys.exit(1)  # whoever read the output has gone
    except OSError as error:
        _fail(error, 1)  # it names the file; a disk that fails is no fault of the program


def _cure(error: ImportError) -> str:
    """What to install where an import failed."""
    packages = [name for library, name in SYSTEM_LIBRARIES.items() if library in str(error)]
    if packages:
        return f"install the system library; on Debian or Ubuntu: apt-get install {packages[0]}"
    return INSTALL


def load_paddle() -> None:
    """Import Paddle without its warning about OMP_NUM_THREADS, which concerns OpenBLAS builds.

    :func:`speed_up` sets that variable on machines whose Paddle comes with MKL only.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            import paddle  # noqa: F401
    finally:
        for line in said.getvalue().splitlines():
            if "OMP_NUM_THREADS" not in line:
                print(line, file=sys.stderr)


def command(tool: str, *words: object) -> str:
    """A command line to copy: a tool with this Python, by the shortest paths from here."""
    here = Path(__file__).with_name(f"{tool}.py")
    return shlex.join([_short(sys.executable), _short(here), *map(str, words)])


def _short(path: str | Path) -> str:
    """``path`` from the current folder where it lies below, else as it is."""
    try:
        return str(Path(path).absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def check_model(option: str, name: str) -> None:
    """Refuse the value of ``option`` where it names no net. Loads Paddle."""
    from paddle_alexnet.nets.registry import MODELS

    if name not in MODELS:
        raise ConfigError(f"{option}: unknown {name!r}; choose {', '.join(MODELS)}")


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def natural(text: str) -> int:
    """A whole number from 0 on, for argparse."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """The option for what ``data.max_pixels`` is in training."""
    parser.add_argument(
        "--max-pixels",
        type=_pixels,
        default=MAX_PIXELS,
        metavar="N",
        help=f"pictures whose header claims more are not decoded [{MAX_PIXELS}]",
    )


def _pixels(text: str) -> int:
    number = positive(text)
    if number > PIXELS_AT_MOST:
        raise argparse.ArgumentTypeError(f"at most {PIXELS_AT_MOST}, got {text}")
    return number


def end_by_signal(number: int, frame: FrameType | None) -> NoReturn:
    """Handler that ends the process with the exit code of the signal."""
    sys.exit(128 + number)


def _fail(error: object, code: int) -> NoReturn:
    print(f"error: {printable_lines(str(error))}", file=sys.stderr)
    sys.exit(code)

"""What every tool shares: process setup, options, and the way text and errors leave the program.

File names, class names and metadata may come from strangers. All text that a tool prints, logs or
fails with passes :func:`paddle_alexnet.printable.printable_lines` here, once.

Exit codes: 0 done; 1 a failure; 2 usage or configuration; 130 Ctrl-C; 143 SIGTERM; 129 a lost
terminal.
"""

import argparse
import contextlib
import io
import logging
import math
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from paddle_alexnet.inference.classifier import ImageClassifier

INSTALL = "install the project first: make setup, or pip install -e '.[cpu]' (see README.md)"
# Debian's packages of the system libraries that OpenCV and Paddle load.
SYSTEM_LIBRARIES = {
    "libGL.so": "libgl1",
    "libgthread": "libglib2.0-0",
    "libglib": "libglib2.0-0",
    "libgomp": "libgomp1",
}

try:
    from _surroundings import prepared_streams, writable_home
    from paddle_alexnet.data.header import MAX_PIXELS, PIXELS_AT_MOST
    from paddle_alexnet.errors import AlexNetError, ConfigError
    from paddle_alexnet.printable import printable_lines
    from paddle_alexnet.runtime.cpu import speed_up
except ModuleNotFoundError as missing:
    sys.exit(f"error: {missing}; {INSTALL}")


class _Messages(logging.Formatter):
    """Log messages with control characters as escapes and long lines cut."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def run(
    main: Callable[[dict[str, Any]], int | None], *, for_memory: str = "end other programs"
) -> NoReturn:
    """Call ``main`` with the report of :func:`speed_up` and exit with its code.

    Args:
        main: Parses arguments and does the work. It imports what loads Paddle inside, so that the
            CPU settings come first and ``--help`` is quick.
        for_memory: What to do where memory runs out.
    """
    with prepared_streams(printable_lines):
        try:
            with writable_home(), _signals():
                _set_up_messages()
                cpu_speed = speed_up()
                if cpu_speed["late"]:
                    logging.warning("Paddle was loaded before its CPU settings: it will be slower")
                sys.exit(main(cpu_speed) or 0)
        except ConfigError as error:
            _fail(error, 2)
        except MemoryError:
            _fail(f"memory ran out: {for_memory}", 1)
        except ImportError as error:
            _fail(f"{error}; {_remedy(error)}", 1)
        except KeyboardInterrupt:
            _fail("stopped by Ctrl-C", 130)
        except BrokenPipeError:
            sys.exit(1)  # the reader of the output has gone
        except (AlexNetError, OSError) as error:
            _fail(error, 1)  # an OSError names the file; a failing disk is no fault of the program


def _set_up_messages() -> None:
    messages = logging.StreamHandler(sys.stderr)
    messages.setFormatter(_Messages("%(message)s"))
    # force: a notebook has a handler already.
    logging.basicConfig(handlers=[messages], level=logging.INFO, force=True)
    os.environ.setdefault("GLOG_minloglevel", "2")
    # OpenCV reads both when it is loaded. Its messages about damaged files name none of them; the
    # tools' own do.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
    # For files in which it finds another size than data/header.py.
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(PIXELS_AT_MOST))


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """End by SIGTERM, and by SIGHUP of a terminal that is gone, so that half-written files go."""
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
                before[number] = signal.signal(number, end_by_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(error: object, code: int) -> NoReturn:
    print(f"error: {printable_lines(str(error))}", file=sys.stderr)
    sys.exit(code)


def _remedy(error: ImportError) -> str:
    """What to install where an import failed."""
    packages = [name for library, name in SYSTEM_LIBRARIES.items() if library in str(error)]
    if packages:
        return f"install the system library; on Debian or Ubuntu: apt-get install {packages[0]}"
    return INSTALL


def end_by_signal(number: int, frame: FrameType | None) -> NoReturn:
    """Signal handler that ends the process with the exit code of the signal."""
    sys.exit(128 + number)


def load_paddle() -> None:
    """Import Paddle without warnings that do not concern users.

    They are about a C++ compiler cache (nothing here compiles C++), about Paddle's own code where
    it makes a graph, and about OMP_NUM_THREADS with OpenBLAS: :func:`speed_up` sets that variable
    on machines whose Paddle comes with MKL only.
    """
    warnings.filterwarnings("ignore", message="No ccache found")
    warnings.filterwarnings("ignore", message="Tensor do not have 'place' interface")
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            import paddle
    finally:
        for line in printed.getvalue().splitlines():
            if "OMP_NUM_THREADS" not in line:
                print(line, file=sys.stderr)
    if threading.current_thread() is threading.main_thread():
        # Paddle's own handler prints a C++ traceback on SIGTERM. Python's is taken away with it.
        handler = signal.getsignal(signal.SIGTERM)
        paddle.disable_signal_handler()
        signal.signal(signal.SIGTERM, handler)


def command(tool: str, *words: object) -> str:
    """A command line to copy: a tool with this Python, by the shortest paths from here."""
    here = Path(__file__).with_name(f"{tool}.py")
    return shlex.join([_short(sys.executable), _short(here), *map(str, words)])


def _short(path: str | Path) -> str:
    """``path`` relative to the current folder where it lies below it, else as it is."""
    full, here = Path(path).absolute(), Path.cwd()
    return str(full.relative_to(here) if full.is_relative_to(here) else path)


def make_parser(description: str | None, **options: Any) -> argparse.ArgumentParser:
    """A parser that shows ``description``, a module's docstring, as it stands there."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **options
    )


def add_overrides(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add -o, keys that are set over the configuration file, as ``override``."""
    parser.add_argument(
        "-o",
        "--override",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"set a key over the file; may be given several times{more}",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device, for :func:`paddle_alexnet.runtime.device.choose_device`."""
    parser.add_argument("--device", default="auto", help="auto, cpu, gpu or gpu:N [auto]")


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add --weights and --model, one of which is needed, and what is for --model only."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", help="a .safetensors file of a run")
    source.add_argument("--model", metavar="DIR", help="a folder that tools/export.py wrote")
    parser.add_argument(
        "--engine",
        help="with --model: paddle, tensorrt, onnxruntime or openvino, or auto for the fastest "
        "here of those that are installed [the first that is]",
    )
    parser.add_argument(
        "--precision",
        metavar="TYPE",
        help="with --model on a CPU: float32; bfloat16, scores up to hundredths off, faster on "
        "some processors that have it; or auto for the faster of them here [float32]",
    )


def load_source(args: argparse.Namespace, batch: int) -> "ImageClassifier":
    """What --weights or --model names, on the device of --device, for batches of ``batch`` images.

    Raises:
        ConfigError: An option does not fit the others, or the device or engine is missing.
        WeightsError: The file or folder cannot be used.
    """
    from paddle_alexnet.export.classifier import ExportedClassifier
    from paddle_alexnet.export.fastest import AUTO, open_fastest
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.runtime.device import choose_device

    for option in ("engine", "precision"):
        if getattr(args, option) and not args.model:
            raise ConfigError(f"--{option} is for --model: weights are run by Paddle itself")
    device = choose_device(args.device)
    if not args.model:
        return Classifier.load(args.weights)
    device = "auto" if args.device == "auto" else device
    precision = args.precision or "float32"
    if AUTO not in (args.engine, precision):
        return ExportedClassifier.load(args.model, args.engine, device, precision)
    return open_fastest(
        args.model, engine=args.engine, precision=precision, device=device, batch=batch
    )


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --json, a file for ``what``; for :func:`check_targets` and :func:`write_result`."""
    parser.add_argument("--json", metavar="FILE", help=f"write {what} as JSON; - prints only that")


def add_max_pixels(parser: argparse.ArgumentParser, default: int = MAX_PIXELS) -> None:
    """Add --max-pixels, which is ``data.max_pixels`` in training."""
    parser.add_argument(
        "--max-pixels",
        type=_whole_number(1, PIXELS_AT_MOST),
        default=default,
        metavar="N",
        help=f"images whose header claims more are not decoded [{default}]",
    )


def add_sample_bits(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --sample-bits, which is ``data.sample_bits`` in training."""
    parser.add_argument(
        "--sample-bits",
        type=int,
        choices=range(8, 17),
        metavar="N",
        help=f"bits that were measured, of 16-bit images that do not say it [{default}]",
    )


def _whole_number(least: int, most: float = math.inf) -> Callable[[str], int]:
    """A type for argparse."""

    def whole_number(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            bound = f"at least {least}" if number < least else f"at most {most}"
            raise argparse.ArgumentTypeError(f"{bound}, got {text}")
        return number

    return whole_number


positive, natural = _whole_number(1), _whole_number(0)


def check_model(option: str, name: str) -> None:
    """Refuse the value of ``option`` where it names no net. Loads Paddle."""
    from paddle_alexnet.nets.registry import MODELS

    if name not in MODELS:
        raise ConfigError(f"{option}: unknown {name!r}; choose {', '.join(MODELS)}")


def check_targets(*targets: str | None, inputs: Sequence[str | None] = ()) -> None:
    """Refuse early what cannot be written; None and ``-`` pass.

    Raises:
        ConfigError: Two targets are one file, or one is an input.
        RunError: A target is a folder, or there is no folder for it.
    """
    from paddle_alexnet.storage.files import check_target

    taken = [os.path.realpath(name) for name in inputs if name is not None]
    for target in targets:
        if target not in (None, "-"):
            check_target(target)
            path = os.path.realpath(target)
            if os.path.exists(path) and not os.path.isfile(path):
                continue  # a device, such as /dev/null
            if path in taken:
                raise ConfigError(f"{target} would be written over: name another file")
            taken.append(path)


def fraction(text: str) -> float:
    """A type for argparse: from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected 0 to 1, got {text}")
    return number


def write_result(target: str, text: str) -> None:
    """Write JSON to a file, or whole to the terminal where ``target`` is ``-``.

    Raises:
        RunError: It cannot be written.
    """
    from paddle_alexnet.storage.files import write_text

    if target != "-":
        write_text(target, text)
        return
    sys.stdout.write_plain(printable_lines(text, longest=None))
    sys.stdout.flush()

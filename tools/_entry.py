"""What every tool does alike: set up the process, show errors in one line, give an exit code.

Exit codes: 0 done; 1 a failure; 2 usage or configuration; 130 Ctrl-C; 143 SIGTERM.
"""

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

INSTALL = "install the project first: make setup, or pip install -e '.[cpu]' (see README.md)"
CV2_LIBRARIES = (
    "OpenCV needs a system library; on Debian or Ubuntu: apt-get install libgl1 libglib2.0-0"
)

try:
    from paddle_alexnet.errors import AlexNetError, ConfigError
    from paddle_alexnet.runtime.cpu import speed_up
except ModuleNotFoundError as missing:
    sys.exit(f"error: {missing}; {INSTALL}")


def run(main: Callable[[dict[str, Any]], int | None]) -> NoReturn:
    """Call ``main`` with the report of :func:`speed_up` and exit.

    Args:
        main: Parses arguments and does the work; imports what loads Paddle inside, so that the
            settings of the processor come first and ``--help`` is quick.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    # Paddle looks for a C++ compiler cache when loaded; nothing here compiles.
    warnings.filterwarnings("ignore", message="No ccache found")
    cpu_speed = speed_up()
    if cpu_speed["late"]:
        logging.warning("Paddle was loaded before its CPU settings: it will be slower")
    try:
        sys.exit(main(cpu_speed) or 0)
    except ConfigError as error:
        _fail(error, 2)
    except AlexNetError as error:
        _fail(error, 1)
    except ImportError as error:
        text = str(error)
        if "cv2" in text or ".so" in text:
            _fail(f"{text}: {CV2_LIBRARIES}", 1)
        _fail(f"{text}; {INSTALL}", 1)
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C", 130)
    except BrokenPipeError:
        sys.exit(1)  # whoever read the output has gone


def _fail(error: object, code: int) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(code)

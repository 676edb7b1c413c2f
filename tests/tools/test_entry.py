"""What all tools share: exit codes, errors in one line, and no text of strangers as it is."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.odd_files import claiming

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def entry(python):
    """Runs ``_entry.run`` with a ``main`` of the given lines."""

    def run(*lines):
        body = "\n    ".join(lines)
        program = f"import _entry\ndef main(speed):\n    {body}\n"
        return python("-c", f"{program}_entry.run(main, for_memory='lower --batch')", cwd=TOOLS)

    return run


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        ("MemoryError('ResourceExhausted ...')", 1, "memory ran out: lower --batch"),
        ("KeyboardInterrupt()", 130, "stopped by Ctrl-C"),
        ("ImportError('libGL.so.1: cannot open shared object file')", 1, "apt-get install libgl1"),
        ("ImportError('No module named x')", 1, "make setup"),
        ("OSError(36, 'File name too long', 'x' * 300)", 1, "xxx"),
        ("_entry.ConfigError('\\x1b[2J\\u202e in a name')", 2, r"\u001b[2J\u202e in a name"),
        ("_entry.AlexNetError('x' * 9000)", 1, "xxx..."),
    ],
)
def test_errors_are_one_short_line(entry, raised, code, words):
    done = entry(f"raise {raised}")
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stderr) < 2100


def test_sigterm_ends_the_program_without_a_traceback(entry):
    """Paddle's own handler prints one of C++ to standard output."""
    done = entry(
        "import os, signal, time",
        "_entry.load_paddle()",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "time.sleep(60)",
    )
    assert (done.returncode, done.stdout) == (143, "")


NAME = r"'\x1b[2J\u202ea\x9b31m\r\ud800\u2028b\x00'"
SHOWN = r"\u001b[2J\u202ea\u009b31m\r\ud800\u2028b\u0000"


def test_output_and_log_show_control_characters_as_escapes(entry):
    done = entry("import logging", f"print('a', {NAME}, 'x' * 9000)", f"logging.info({NAME})")
    assert done.returncode == 0
    line, end = done.stdout.split("\n")
    assert line.startswith(f"a {SHOWN} xxx") and line.endswith("x...") and not end
    assert len(line) < 2100
    assert done.stderr == f"{SHOWN}\n"


def test_json_on_the_terminal_is_whole(entry):
    value = {"name": "\x9b31m" + "花" * 9000}
    done = entry(
        "import json",
        f"text = json.dumps({value!a}, ensure_ascii=False)",
        "print('first')",
        "_entry.write_result('-', text + '\\n')",
    )
    first, text, end = done.stdout.split("\n")
    assert (first, end) == ("first", "")
    assert text.isprintable()
    assert json.loads(text) == value


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGPIPE or /dev/full")
def test_a_full_device_is_an_error_in_one_line(entry):
    done = entry(
        "import os", "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)", "print('x', flush=True)"
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert sys.platform != "linux" or "No space left" in done.stderr


def test_opencv_has_a_bound_of_its_own(entry, tmp_path):
    """For a file in which it finds a larger size than this project's header parser."""
    (tmp_path / "huge.png").write_bytes(claiming("png", 20_000, 20_000))
    done = entry(
        "import cv2, numpy",
        "try:",
        f"    cv2.imdecode(numpy.fromfile({str(tmp_path / 'huge.png')!r}, numpy.uint8), 1)",
        "except cv2.error as error:",
        "    print(error)",
    )
    assert "pixels <= CV_IO_MAX_IMAGE_PIXELS" in done.stdout


def test_a_tensor_too_large_for_the_machine_is_a_memory_error():
    """Paddle reports it so; the tools make one line of it."""
    import paddle

    with pytest.raises(MemoryError):
        paddle.zeros([2**20, 2**20, 64])

"""What all tools do alike."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.odd_files import claiming

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        ("MemoryError('ResourceExhausted ...')", 1, "memory ran out: lower --batch"),
        ("KeyboardInterrupt()", 130, "stopped by Ctrl-C"),
        ("ImportError('libGL.so.1: cannot open shared object file')", 1, "apt-get install libgl1"),
        ("ImportError('No module named x')", 1, "make setup"),
        ("OSError(36, 'File name too long', 'x' * 300)", 1, "xxx"),
        ("_entry.ConfigError('\\x1b[2J\\u202e in a name')", 2, r"\u001b[2J\u202e in a name"),
    ],
)
def test_errors_are_one_line(environment, raised, code, words):
    program = f"""
import _entry
def main(speed):
    raise {raised}
_entry.run(main, for_memory="lower --batch")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TOOLS, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_opencv_has_a_bound_of_its_own(environment, tmp_path):
    """For a file in which it finds a larger size than we did."""
    (tmp_path / "huge.png").write_bytes(claiming("png", 20_000, 20_000))
    program = f"""
import _entry
def main(speed):
    import cv2, numpy
    try:
        cv2.imdecode(numpy.fromfile({str(tmp_path / "huge.png")!r}, numpy.uint8), 1)
    except cv2.error as error:
        print(error)
_entry.run(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TOOLS, env=environment, capture_output=True, text=True
    )
    assert "pixels <= CV_IO_MAX_IMAGE_PIXELS" in done.stdout


def test_a_tensor_too_large_for_the_machine_is_a_memory_error():
    """Paddle reports it so; tools turn that into a line."""
    import paddle

    with pytest.raises(MemoryError):
        paddle.zeros([2**20, 2**20, 64])

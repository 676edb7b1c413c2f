"""Results as lines of JSON: whole or not there, through full disks and pipes."""

import json
import os
import threading

import pytest

from paddle_alexnet.errors import RunError
from paddle_alexnet.inference.predict import Prediction
from paddle_alexnet.inference.result_lines import ResultLines


def prediction(name):
    return Prediction(name, [1, 0], [0.75, 0.25], ["雏菊", "daisy"])


def read(path):
    return [json.loads(line)["file_name"] for line in path.read_bytes().splitlines()]


def test_each_line_is_there_at_once(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("of before")
    with ResultLines(path) as lines:
        for place, name in enumerate(("a.png", "b\n.png", "\udcff.png")):
            lines.add(prediction(name))
            assert len(read(path)) == place + 1
    assert json.loads(path.read_bytes().splitlines()[0]) == prediction("a.png").to_json()


class Full:
    """A file on a disk that takes ``room`` bytes more, and room again after an error."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if self.room == 0:
            self.room = 10**6
            raise OSError(28, "No space left on device")
        count = min(len(data), self.room)
        self.room -= count
        return self.file.write(data[:count])

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 1, 60, 150, 200])
def test_a_full_disk_costs_one_line(tmp_path, room):
    path, failed = tmp_path / "out.jsonl", []
    with ResultLines(path) as lines:
        lines._file = Full(lines._file, room)
        for number in range(5):
            try:
                lines.add(prediction(f"{number}.png"))
            except RunError as error:
                assert f"cannot write {path}: No space left" in str(error)
                failed.append(f"{number}.png")
    assert len(failed) == 1
    assert read(path) == [f"{n}.png" for n in range(5) if f"{n}.png" not in failed]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with ResultLines(tmp_path / "pipe") as lines:
        lines.add(prediction("a.png"))
        lines.add(prediction("b.png"))
    reader.join()
    assert len(got[0].splitlines()) == 2


def test_a_file_that_cannot_be(tmp_path):
    with pytest.raises(RunError, match=r"cannot write .*no/out"):
        ResultLines(tmp_path / "no" / "out")

"""Run into a full disk at one write after the other; see test_full_disk.py.

    writes_program.py FLOWERS PLACE HOW FIRST STEP

PLACE is an empty folder; where HOW is "disk" it is a file system of its own, which is made as small
as what it holds. Where it is "limit" the system lets no file grow any more; where it is "once", it
does so for the one write, so that an unnoticed failure shows in what is missing. Prints as JSON how
many writes a whole run has, then a line for each of the writes FIRST, FIRST + STEP ... that failed.
"""

import functools
import io
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import TINY, TINY_SIDE  # sets up the process

import numpy as np  # isort: skip
import yaml  # isort: skip
from visualdl import LogReader  # isort: skip

from paddle_alexnet.board.visualdl_patches import LogFile
from paddle_alexnet.config.load import make_config, read_config, write_config
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.nets.registry import MODELS, Model
from paddle_alexnet.storage.tensors import read_tensors

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import _entry
import train

ROOM = 1 << 28
FIGURES = ("epoch", "step", "lr", "train/loss", "train/top1", "val/loss", "val/top1")
# Every kind of file that a run writes, and saves within epochs.
SECTIONS = {
    "data": {"mean": "image"},
    "augment": {"color_noise": "paper"},
    "model": {"name": "tiny"},
    "train": {"epochs": 2, "batch_size": 10, "log_every_steps": 2, "save_every_steps": 3},
    "optimizer": {"average": 0.9},
}


class Writes:
    """Counts what a run writes, and calls ``fill`` before one of them, ``after`` before the next.

    A write is a file below ``folder`` that is opened for writing, or a record of the board's log.
    """

    def __init__(self, folder, fill, after):
        self.folder = str(folder) + os.sep
        self.fill, self.after = fill, after
        self.number = self.at = 0
        sys.addaudithook(self._audit)
        write = LogFile.write

        def noted(log, data):
            self._add()
            return write(log, data)

        LogFile.write = noted

    def _audit(self, event, args):
        if event == "open" and isinstance(args[0], str | bytes) and isinstance(args[2], int):
            path, writing = os.fsdecode(args[0]), args[2] & (os.O_WRONLY | os.O_RDWR)
            if writing and path.startswith(self.folder):
                self._add()

    def _add(self):
        self.number += 1
        if self.number == self.at:
            self.fill()
        elif self.number == self.at + 1 and self.at:
            self.after()


def resize(place, size):
    """Make the file system at ``place`` of this size, bytes."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


def fill_disk(place):
    status = os.statvfs(place)
    resize(place, (status.f_blocks - status.f_bfree) * status.f_frsize)


def limit_files(size):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def start(config, run):
    """Start tools/train.py once; returns its exit code and its stderr."""
    words = ["-c", str(config), "-o", f"run.dir={run}"]
    if (run / "config.yml").exists():
        words = ["--resume", str(run)]
    sys.stderr.seek(0)
    sys.stderr.truncate()
    try:
        _entry.run(functools.partial(train.main, words=words))
    except SystemExit as end:
        return end.code, sys.stderr.getvalue()


def check_whole(run):
    """Check that all files can be read; returns whether there is a checkpoint to resume from."""
    for path in run.glob("*.safetensors"):
        read_tensors(path)
    if (run / "config.yml").exists():
        read_config(run / "config.yml")
    for path in run.glob("*.json"):
        json.loads(path.read_text())
    if (run / "metrics.jsonl").exists():
        read_metrics(run / "metrics.jsonl")
    assert not list(run.glob(".*.part"))
    return (run / "state.safetensors").exists()


def content(run):
    """What must equal that of an undisturbed run: all but times and the names of folders."""
    arrays, metadata = read_tensors(run / "state.safetensors")
    arrays |= {f"pixels/{k}": v for k, v in read_tensors(run / "pixels.safetensors")[0].items()}
    reader = LogReader(file_path=str(run / "vdlrecords.main.log"))
    curves = {
        tag: [(point.id, point.value) for point in reader.get_data("scalar", tag)]
        for tag in ("2-step/loss", "2-step/lr", "1-epoch/top1_val", "1-epoch/loss_val")
    }
    panels = [
        (point.id, point.image.encoded_image_string)
        for tag in ("images/train", "images/val", "confusion/counts")
        for point in reader.get_data("image", tag)
    ]
    rows = [[row[key] for key in FIGURES] for row in read_metrics(run / "metrics.jsonl")]
    best = (run / "best.safetensors").read_bytes()
    names = {path.name for path in run.iterdir() if not path.name.startswith("environment")}
    texts = [metadata[key] for key in ("schedule", "config", "data")]
    return arrays, (curves, panels, rows, best, names, texts)


def assert_same(got, want):
    assert got[0].keys() == want[0].keys()
    for name, array in got[0].items():
        assert np.array_equal(array, want[0][name]), name
    assert got[1] == want[1]


def say(what):
    """Print a line for the parent process."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main():
    """Try the writes FIRST, FIRST + STEP ..."""
    flowers, place, how, first, step = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    MODELS["tiny"] = Model(TINY, Preprocessing(input_size=TINY_SIDE, resize=36))
    run = place / "run"
    settings = {**SECTIONS, "data": {**SECTIONS["data"], "root": flowers}}
    settings["train"] = {**settings["train"], "device": "cpu", "compile": "none"}
    config = place.with_name(f"{place.name}.yml")
    config.write_text(write_config(make_config(yaml.safe_load(json.dumps(settings)))))
    if how == "disk":
        (place / "ballast").write_bytes(bytes(1))  # a size of 0 would mean no limit
        fill, free = functools.partial(fill_disk, place), functools.partial(resize, place, ROOM)
    else:
        fill, free = functools.partial(limit_files, 0), functools.partial(limit_files, None)
    # The tool starts many times in this process, but with the logging of a first time.
    logging.getLogger().handlers.clear()
    _entry.speed_up = lambda: {"late": False}
    said, sys.stderr, sys.stdout = sys.stdout, io.StringIO(), io.TextIOWrapper(io.BytesIO())
    writes = Writes(run, fill, free if how == "once" else lambda: None)
    code, text = start(config, run)
    assert code == 0, text
    want, total = content(run), writes.number
    own_words, sys.stdout = sys.stdout, said
    say({"writes": total})
    for number in range(int(first), total + 1, int(step)):
        shutil.rmtree(run)
        writes.number, writes.at, sys.stdout = 0, number, own_words
        code, text = start(config, run)
        free()
        failed = code != 0
        if failed:
            *_, last = text.splitlines()
            assert code == 1, text
            assert last.startswith("error: cannot ") and str(run) in last, text
            assert text.count("\nerror: ") <= 1 and "Traceback" not in text, text
        state = check_whole(run)
        writes.at = 0
        if failed:
            code, again = start(config, run)
            assert code == 0 and "Traceback" not in again, again
        assert_same(content(run), want)
        sys.stdout = said
        say({"write": number, "failed": failed, "state": state, "said": text.splitlines()[-1:]})


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        # What was kept from the terminal.
        sys.__stderr__.write(sys.stderr.getvalue() if sys.stderr is not sys.__stderr__ else "")
        sys.stderr = sys.__stderr__
        raise

"""Damaged images give pixels or an error with the reason, in the loader and before a net."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SEED = 20261125
SHARE = 2000  # images a process
SILENT = 60  # seconds of wall-clock time for one image, on a busy machine
SLOW = 5  # seconds of CPU time for one image
GROWN = 1.5e9  # bytes


class Trial:
    """A process that tries images ``first`` to ``end`` - 1, and what it printed."""

    def __init__(self, folder, first, end):
        self.results, self.last, self.slowest, self.grown = Counter(), "", 0.0, 0
        words = map(str, [HERE / "images_program.py", folder, SEED, first, end])
        with open(folder / "stderr", "w+b") as said:
            process = subprocess.Popen(
                [sys.executable, *words],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
            )
            self.hung = False
            for line in self._lines(process):
                self._take(line)
            self.code = process.wait()
            said.seek(max(0, said.tell() - 3000))
            self.said = said.read().decode(errors="replace")

    def _lines(self, process):
        """Its lines; the process is killed where it prints nothing for too long."""

        def give_up():
            self.hung = True
            process.kill()

        while True:
            timer = threading.Timer(SILENT, give_up)
            timer.start()
            line = process.stdout.readline()
            timer.cancel()
            if not line:
                return
            yield line

    def _take(self, line):
        if line.startswith(("next ", "batch ")):
            self.last = line.strip()
        if not line.startswith("{"):
            return  # Paddle prints its own messages in a crash
        report = json.loads(line)
        self.results.update(report["results"])
        self.slowest = max(self.slowest, report["slowest"])
        self.grown = max(self.grown, report["grown"])


@pytest.mark.skipif(sys.platform != "linux", reason="the program reads /proc")
def test_every_damaged_image_is_decoded_or_refused_with_the_reason(tmp_path, amount, count):
    total = amount(300, 60_000)
    results = Counter()
    for first in range(0, total, SHARE):
        end = min(total, first + SHARE)
        trial = Trial(tmp_path, first, end)
        culprit = f"at {trial.last!r} of seed {SEED}, in {tmp_path}: {trial.said}"
        assert not trial.hung, f"hangs {culprit}"
        assert trial.code == 0, f"exit code {trial.code} {culprit}"
        assert trial.slowest < SLOW
        assert trial.grown < GROWN
        assert sum(trial.results.values()) == end - first
        results += trial.results
    decoded = sum(number for name, number in results.items() if name.endswith(": decoded"))
    assert 0.05 < decoded / total < 0.95, "the damage is too much, or too little"
    for name, number in sorted(results.items()):
        count(f"damaged images, {name}", number)
    count("damaged images that crashed or hung the loader or the net", 0)

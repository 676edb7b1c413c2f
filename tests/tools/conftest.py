"""Fixtures that run the tools as a user does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Where the tests run in the background, SIGINT is ignored, and tools would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOOLS = Path(__file__).parents[2] / "tools"
# A short run of a quarter of AlexNet's channels: its 10 MB of weights are read by many tests.
SHORT = (
    *("train.epochs=1", "train.batch_size=16", "train.log_every_steps=1", "train.device=cpu"),
    "model.width=0.25",
)


@pytest.fixture(scope="session")
def environment():
    """The environment without what conftest.py has set, as the tools set up themselves."""
    ours = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_DEBUG_CPU_TYPE")
    return {k: v for k, v in os.environ.items() if k not in ours}


@pytest.fixture(scope="session")
def python(environment):
    """Runs Python in that environment and returns the CompletedProcess, with text output."""

    def run(*words, cwd=None):
        command = [sys.executable, *map(str, words)]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1200
        )

    return run


@pytest.fixture(scope="session")
def tool(python):
    """Runs ``tools/<name>.py``; fails on a traceback and on another exit code than ``code``."""

    def run(name, *words, cwd=None, code=0):
        done = python(TOOLS / f"{name}.py", *words, cwd=cwd)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def trained(tool, flowers, tmp_path_factory):
    """The directory of a short run on synthetic flowers; read it only."""
    run = tmp_path_factory.mktemp("runs") / "short"
    config = TOOLS.parent / "configs" / "quickstart.yml"
    overrides = (f"data.root={flowers}", f"run.dir={run}", *SHORT)
    done = tool("train", "-c", config, *(word for o in overrides for word in ("-o", o)))
    (run / "stdout.txt").write_text(done.stdout)
    (run / "stderr.txt").write_text(done.stderr)
    return run

"""Running the tools as a user does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Where the tests run in the background, SIGINT is ignored, and tools would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOOLS = Path(__file__).parents[2] / "tools"
# A run as short as AlexNet allows.
SHORT = ["train.epochs=1", "train.batch_size=16", "train.log_every_steps=1", "train.device=cpu"]


@pytest.fixture(scope="session")
def environment():
    """The environment without what conftest.py has set: tools set up themselves."""
    ours = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_DEBUG_CPU_TYPE")
    return {k: v for k, v in os.environ.items() if k not in ours}


@pytest.fixture(scope="session")
def tool(environment):
    """Runs ``tools/<name>.py``; fails on a traceback."""

    def run(name, *words, cwd=None, code=0):
        command = [sys.executable, str(TOOLS / f"{name}.py"), *map(str, words)]
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def trained(tool, flowers, tmp_path_factory):
    """A run of AlexNet on drawn flowers; read it only."""
    run = tmp_path_factory.mktemp("runs") / "short"
    config = TOOLS.parent / "configs" / "quickstart.yml"
    overrides = [word for o in SHORT for word in ("-o", o)]
    done = tool(
        "train", "-c", config, "-o", f"data.root={flowers}", "-o", f"run.dir={run}", *overrides
    )
    (run / "stdout.txt").write_text(done.stdout)
    (run / "stderr.txt").write_text(done.stderr)
    return run

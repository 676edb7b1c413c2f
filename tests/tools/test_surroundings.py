"""Tools without a home, without streams, in a notebook, with another launcher's variables."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paddle_alexnet.config.load import read_config
from paddle_alexnet.data import loader
from paddle_alexnet.errors import ConfigError, RunError
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.runtime.distributed import ALONE, join_ranks
from paddle_alexnet.training.checkpoint import read_checkpoint

TOOLS = Path(__file__).parents[2] / "tools"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="closes streams, makes terminals")


@pytest.fixture
def words(trained, flowers, tmp_path):
    """A short training run by the configuration of another."""
    overrides = (f"data.root={flowers}", f"run.dir={tmp_path / 'run'}")
    return ["-c", trained / "config.yml", *(word for o in overrides for word in ("-o", o))]


def run(environment, name, *words, shell="", **variables):
    """Runs a tool by a shell, which may close streams."""
    command = [sys.executable, *map(str, [TOOLS / f"{name}.py", *words])]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *command],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["missing", "owned"])
def test_no_home_that_can_be_written(environment, words, trained, flowers, tmp_path, kind):
    home = Path("/proc/none")
    if kind == "owned":  # a file, where root may write anywhere
        home = tmp_path / "home"
        home.mkdir()
        (home / ".visualdl").symlink_to("/proc/none")
    assert run(environment, "train", *words, HOME=str(home)).returncode == 0
    weights = ["--weights", trained / "best.safetensors", flowers / "daisy"]
    done = run(environment, "infer", *weights, "--logdir", tmp_path / "log", HOME=str(home))
    assert done.returncode == 0
    assert len(list((tmp_path / "log").iterdir())) == 1
    board = subprocess.Popen(
        [sys.executable, TOOLS / "board.py", "--logdir", tmp_path, "--port", "0"],
        env={**environment, "HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert board.stdout.readline().startswith(f"board of {tmp_path}")
    board.send_signal(signal.SIGINT)
    assert board.wait(60) == 130


def test_a_tilde_stays_the_home_of_before(monkeypatch, tmp_path):
    (tmp_path / "x.yml").write_text("data: {root: ~/flowers}\nrun: {dir: ~}\n")
    monkeypatch.syspath_prepend(TOOLS)
    from _surroundings import writable_home

    monkeypatch.setenv("HOME", "/proc/none")
    with writable_home():
        temporary = os.environ["HOME"]
        assert os.access(temporary, os.W_OK)
        assert read_config(tmp_path / "x.yml").data.root == "/proc/none/flowers"
    assert not os.path.exists(temporary)
    assert os.environ["HOME"] == "/proc/none"
    monkeypatch.setenv("HOME", str(tmp_path))
    with writable_home():
        assert os.environ["HOME"] == str(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams(environment, words, tmp_path, shell):
    assert run(environment, "train", *words, shell=shell).returncode == 0
    assert read_checkpoint(RunDirectory(tmp_path / "run")).metadata
    assert run(environment, "train", "-c", "none.yml", shell=shell).returncode == 2


NOTEBOOK = r"""
import runpy, sys
program = sys.argv.pop(1)
class Stream:  # as a notebook's: no buffer, no encoding, no descriptor
    text = ""
    def write(self, text): self.text += text
    def flush(self): pass
real, sys.stdout, sys.stderr = sys.stdout, Stream(), Stream()
for _ in range(2):
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        real.write(f"{end.code} {sys.stdout.text}\0")
    sys.stdout.text = ""
import signal
real.write(str(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL))
"""


def test_streams_of_a_notebook_are_used_and_given_back(environment, trained, flowers):
    program = [sys.executable, "-c", NOTEBOOK, TOOLS / "infer.py"]
    image = sorted((flowers / "daisy").iterdir())[0]
    words = ["--weights", trained / "best.safetensors", image, "--top-k", "1"]
    done = subprocess.run(
        [*map(str, [*program, *words])],
        env={**environment, "PYTHONPATH": f"{TOOLS}:{TOOLS.parent}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    first, second, signals = done.stdout.split("\0")
    assert first == second
    assert first.startswith("0 ") and str(image) in first
    assert signals == "True"


@pytest.mark.slow
def test_variables_of_other_launchers_do_not_matter(environment, words):
    others = {
        **{"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "nowhere", "MASTER_PORT": "x"},
        **{"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "OMPI_COMM_WORLD_RANK": "1"},
        **{"PADDLE_TRAINER_ID": "1", "FLAGS_selected_gpus": "all", "OMP_NUM_THREADS": "2,1"},
    }
    assert run(environment, "train", *words, **others).returncode == 0


@pytest.mark.parametrize(
    "variables",
    [
        {"PADDLE_TRAINERS_NUM": "2"},
        {"PADDLE_TRAINERS_NUM": "two", "PADDLE_TRAINER_ID": "0"},
        {"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "5", "PADDLE_TRAINER_ENDPOINTS": "a,b"},
        {"PADDLE_TRAINERS_NUM": "3", "PADDLE_TRAINER_ID": "0", "PADDLE_TRAINER_ENDPOINTS": "a,b"},
        {"PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": "0", "PADDLE_TRAINER_ENDPOINTS": "a,b"},
    ],
)
def test_half_of_a_launchers_variables(monkeypatch, variables):
    for name in (*variables, "PADDLE_CURRENT_ENDPOINT", "PADDLE_TRAINER_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"unset PADDLE_TRAINERS_NUM"):
        join_ranks()
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "1")
    assert join_ranks() is ALONE


def test_no_room_in_shared_memory(monkeypatch):
    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loader, "ProcessPoolExecutor", fail)
    with pytest.raises(RunError, match=r"No space left.*/dev/shm.*data\.workers=0"):
        loader.make_executor(1)


@pytest.mark.slow
@pytest.mark.parametrize("ignored", [False, True])
def test_a_lost_terminal(environment, words, tmp_path, ignored):
    """Closing it sends SIGHUP, and then nothing can be written to it; under nohup it is ignored."""
    epochs = 3 if ignored else 500
    child, terminal = pty.fork()
    if child == 0:
        # The tests themselves may be run under nohup.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        more = ["-o", f"train.epochs={epochs}", "-o", "data.workers=1"]
        command = [sys.executable, *map(str, [TOOLS / "train.py", *words, *more])]
        os.execve(command[0], command, environment)
    metrics = tmp_path / "run" / "metrics.jsonl"
    text = b""
    while not metrics.exists():
        text += os.read(terminal, 1000)
        assert b"error" not in text, text
    time.sleep(0.1)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (0 if ignored else 129)
    progress = read_checkpoint(RunDirectory(tmp_path / "run")).metadata["progress"]
    assert (f'"epoch": {epochs}' in progress) == ignored

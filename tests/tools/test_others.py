"""The other tools from the command line: summary, board, split_data, prepare_flowers, plot_run."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
CONFIGS = TOOLS.parent / "configs"


def test_summary_is_the_published_table_with_its_arithmetic(tool):
    """The tables of the articles on alexnet: paddle.summary's, and how a size follows another."""
    done = tool("summary", "-c", CONFIGS / "alexnet.yml", "--walk")
    for words in (
        *("Total params: 62,071,144", "AvgPool3D-1", "[1, 1000]", "input_size=227", "init he"),
        *("(227 - 11) / 4 + 1 = 55", "(55 - 3) / 2 + 1 = 27", "256 x 6 x 6 = 9216 -> 4096"),
    ):
        assert words in done.stdout
    # Training uses another form of the norm.
    assert "-o model.lrn=fused" in done.stderr


@pytest.mark.slow
def test_summary_of_a_changed_net(tool):
    words = ["-c", CONFIGS / "alexnet_paper.yml", "--walk", "-o"]
    out = tool("summary", *words, "model.changes={towers: half, activation: tanh}").stdout
    assert "Tanh-1" in out
    assert "ReLU" not in out
    assert "18,878,464" in out  # fc6 on 128 x 6 x 6
    assert "changes.pool" in tool("summary", *words, "model.changes.pool=3", code=2).stderr


@pytest.mark.slow
def test_summary_of_another_head_with_a_graph(tool, tmp_path):
    words = ["-o", "model.num_classes=5", "--logdir", tmp_path]
    out = tool("summary", "-c", CONFIGS / "alexnet.yml", *words).stdout
    assert "57,994,629" in out  # 62,071,144 - 995 * 4,097
    assert list(tmp_path.glob("vdlgraph.*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process instead of signalling it")
def test_board_serves_and_ends(trained, environment):
    process = subprocess.Popen(
        [sys.executable, TOOLS / "board.py", "--logdir", trained.parent, "--port", "0"],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line).group()
        with urllib.request.urlopen(f"{address}app/index", timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in err
    finally:
        process.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process instead of signalling it")
@pytest.mark.parametrize(
    ("host", "warns"), [(None, False), ("localhost", False), ("0.0.0.0", True)]
)
def test_board_warns_where_others_can_reach_it(tmp_path, environment, host, warns):
    words = [] if host is None else ["--host", host]
    with subprocess.Popen(
        [sys.executable, TOOLS / "board.py", "--logdir", tmp_path, "--port", "0", *words],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert f"http://{host or '127.0.0.1'}:" in line
    assert ("can read the board" in err) == warns
    assert "Traceback" not in err


def test_board_of_nothing(tool, tmp_path):
    assert "--logdir" in tool("board", "--logdir", tmp_path / "no", code=1).stderr


def test_split_data(tool, flowers, tmp_path):
    done = tool("split_data", flowers, tmp_path / "out", "--val-rate", 0.25, "--seed", 3)
    assert "train 45, val 15 images in 5 classes" in done.stdout
    assert "left as it is" in tool("split_data", flowers, tmp_path / "out", code=1).stderr


def test_prepare_flowers_refuses_another_archive(tool, tmp_path):
    (tmp_path / "x.tgz").write_bytes(b"no archive")
    words = ["--archive", tmp_path / "x.tgz", "--root", tmp_path / "photos"]
    assert "228,813,984" in tool("prepare_flowers", *words, code=1).stderr
    assert not (tmp_path / "photos").exists()


def test_plot_run(tool, trained, tmp_path):
    done = tool("plot_run", trained, "--out", tmp_path / "curve.png")
    assert (done.stdout, done.stderr) == (f"curves: {tmp_path / 'curve.png'}\n", "")
    assert "no folder" in tool("plot_run", trained, "--out", "no/x.png", code=1).stderr
    for kept in (trained / "metrics.jsonl", trained / "best.safetensors"):
        before = kept.read_bytes()
        assert "written over" in tool("plot_run", trained, "--out", kept, code=2).stderr
        assert kept.read_bytes() == before
    missing = tool("plot_run", "no such run", "--out", "x.png", code=1).stderr
    assert missing == "error: cannot read no such run/metrics.jsonl: No such file or directory\n"
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("missing", "reason", "words"),
    [
        ("cv2", "libGL.so.1: cannot open shared object file", "apt-get install libgl1"),
        ("cv2", None, "make setup"),
        ("paddle", "libgomp.so.1: cannot open shared object file", "apt-get install libgomp1"),
        ("numpy", None, "make setup"),
        ("paddle_alexnet", None, "make setup"),
    ],
)
def test_errors_name_what_is_not_installed(missing, reason, words, python, tmp_path):
    """An import that fails, as on a machine without a system library or a package."""
    arguments = {
        "train": ["-c", str(CONFIGS / "quickstart.yml")],
        "infer": ["--weights", "w", "x"],
        "eval": ["--weights", "w", "--data", "x"],
        "split_data": ["x", "y"],
        "prepare_flowers": [],
    }
    if missing in {"cv2", "numpy", "paddle"}:
        del arguments["prepare_flowers"]  # does without
    if missing == "paddle":
        del arguments["split_data"]
    error = f"ImportError({reason!r})" if reason else f"ModuleNotFoundError({missing!r})"
    program = f"""
import contextlib, io, json, runpy, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise {error}
sys.meta_path.insert(0, Block())
sys.path.insert(0, {str(TOOLS)!r})
for name, words in {arguments!r}.items():
    sys.argv = [name, *words]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            runpy.run_path(f"{TOOLS}/{{name}}.py", run_name="__main__")
    except SystemExit as end:
        print(json.dumps([name, end.code, printed.getvalue()]))
"""
    lines = python("-c", program, cwd=tmp_path).stdout.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("[")]  # OpenCV prints, too
    assert [name for name, *_ in rows] == list(arguments)
    for _, code, printed in rows:
        # sys.exit with a text prints it and ends with 1.
        assert code == 1 or missing == "paddle_alexnet"
        assert words in (printed if code == 1 else code)
        assert "Traceback" not in printed

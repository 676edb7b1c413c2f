"""The tools on files that are not what they seem: named, counted, no traceback, no hang."""

import json
import os
import re
import sys

import numpy as np
import pytest

from tests.odd_files import claiming

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes and names of any bytes")

ODD = {  # as shown: why
    "empty.png": "an empty file",
    "pipe.png": "not a regular file",
    "zero.png": "not a regular file",
    "self.png": "Too many levels of symbolic links",
    "cut.png": "damaged or cut off",
    "huge.png": "claims 60000 x 60000 pixels, more than the 120,000,000",
    "huge.tif": "claims 60000 x 60000 pixels",
    r"no\nline.png": "not an image",
}
GOOD = {r"a\nb\u001b[31m.png", r"\udcff.png"}  # as shown


@pytest.fixture
def odd(tmp_path, write_png):
    """A folder of 2 images, 8 other files and loops of folders."""
    folder = tmp_path / "odd"
    rng = np.random.default_rng(0)
    write_png(folder / "a\nb\u001b[31m.png", rng)
    write_png(folder / os.fsdecode(b"\xff.png"), rng)
    (folder / "empty.png").touch()
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "self.png").symlink_to("self.png")
    (folder / "cut.png").write_bytes((folder / "a\nb\u001b[31m.png").read_bytes()[:-50])
    (folder / "huge.png").write_bytes(claiming("png", 60_000, 60_000))
    (folder / "huge.tif").write_bytes(claiming("tiff", 60_000, 60_000))
    (folder / "no\nline.png").write_text("no image")
    for name in ("up", "round"):
        (folder / name).symlink_to(".")
    return folder


@pytest.fixture(scope="module")
def exported(tool, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "out"
    tool("export", "--weights", trained / "best.safetensors", "--out", out)
    return out


@pytest.mark.parametrize("by", ["weights", "model"])
def test_infer_names_and_counts_them_and_goes_on(tool, trained, exported, odd, by, tmp_path):
    source = trained / "best.safetensors" if by == "weights" else exported
    done = tool("infer", f"--{by}", source, odd, "--json", tmp_path / "out.json", code=1)
    lines = done.stderr.splitlines()
    for name, reason in ODD.items():
        (line,) = [line for line in lines if f"{odd}/{name}: " in line]
        assert line.startswith("left out ")
        assert reason in line
    assert lines[-1] == "8 of 10 files are left out"
    assert len(lines) == 9  # OpenCV and its libraries add none of their own
    rows = done.stdout.splitlines()
    assert {row.rpartition("/")[2] for row in rows} == GOOD
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2


def test_infer_of_a_pattern_does_not_run_in_circles(tool, trained, odd):
    done = tool(
        "infer", "--weights", trained / "best.safetensors", "**/*.png", "--save-dir", "out",
        cwd=odd, code=1,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2
    assert "7 of 9 files are left out" in done.stderr
    assert len(os.listdir(odd / "out")) == 2


def test_eval_and_split_data(tool, trained, flowers, odd, tmp_path):
    weights = trained / "best.safetensors"
    root = tmp_path / "root"
    root.mkdir()
    for name in sorted(os.listdir(flowers)):
        (root / name).symlink_to(flowers / name)
    (root / "odd").symlink_to(odd)
    for name, words in (
        ("eval", ["--weights", weights, "--data", root]),
        ("split_data", [root, tmp_path / "new"]),
    ):
        done = tool(name, *words, code=1)
        assert done.stderr.startswith("error: 8 of 70 images in ")
        for shown, reason in ODD.items():
            assert re.search(rf"{re.escape(shown)} \([^(]*{re.escape(reason)}", done.stderr)
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_the_bound_can_be_moved(tool, trained, flowers, tmp_path):
    """The drawn flowers have 65,536 pixels."""
    weights, fewer = ["--weights", trained / "best.safetensors"], ["--max-pixels", 65_535]
    reason = "claims 256 x 256 pixels, more than the 65,535 that are allowed"
    assert reason in tool("infer", *weights, flowers / "roses", *fewer, code=1).stderr
    assert reason in tool("eval", *weights, "--data", flowers, *fewer, code=1).stderr
    assert reason in tool("split_data", flowers, tmp_path / "b", *fewer, code=1).stderr
    config = ["-c", trained / "config.yml", "-o", f"run.dir={tmp_path / 'c'}"]
    assert reason in tool("train", *config, "-o", "data.max_pixels=65535", code=1).stderr
    assert "at most 268435456" in tool("infer", *weights, ".", "--max-pixels", 2**29, code=2).stderr


def test_export_checks_on_images(tool, trained, odd, tmp_path):
    words = ["--weights", trained / "best.safetensors", "--out", tmp_path / "out", "--check"]
    whole, other = odd / os.fsdecode(b"\xff.png"), odd / "no\nline.png"
    assert "on 1 images" in tool("export", *words, whole).stdout
    done = tool("export", *words, other, code=1)
    assert done.stderr.startswith(f"error: --check: cannot use {odd}/no\\nline.png: not an image")

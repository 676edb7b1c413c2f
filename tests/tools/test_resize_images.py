"""tools/resize_images.py, as a user runs it."""

import shutil

import cv2

from paddle_alexnet.data.decode import read_image


def test_a_folder_becomes_small_and_bad_files_are_named(tool, flowers, tmp_path):
    shutil.copytree(flowers / "daisy", tmp_path / "src" / "daisy")
    done = tool("resize_images", tmp_path / "src", tmp_path / "dst", "--short-side", 64)
    assert "12 images resized" in done.stdout
    names = sorted(path.name for path in (tmp_path / "src" / "daisy").iterdir())
    assert sorted(path.name for path in (tmp_path / "dst" / "daisy").iterdir()) == names
    assert read_image(tmp_path / "dst" / "daisy" / names[0]).shape == (64, 64, 3)

    (tmp_path / "src" / "daisy" / "new\nline.jpg").write_text("no image")
    words = ["--short-side", 64, "--workers", 0]
    done = tool("resize_images", tmp_path / "src", tmp_path / "dst", *words, code=1)
    assert r"new\nline.jpg" in done.stderr
    assert "12 done before, 1 left out" in done.stdout


def test_mistakes(tool, flowers, tmp_path):
    assert "lies within" in tool("resize_images", flowers, flowers / "dst", code=1).stderr
    tool("resize_images", flowers, tmp_path / "dst", "--quality", 101, code=2)
    tool("resize_images", flowers, tmp_path / "dst", "--short-side", 0, code=2)
    assert not (tmp_path / "dst").exists()
    assert cv2.imread(str(next(flowers.glob("daisy/*")))).shape == (256, 256, 3)

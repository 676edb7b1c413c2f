"""Captions and grids."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.figures import captions
from paddle_alexnet.figures.captions import BACKGROUND, TEXT_COLOR, FontChooser, caption, grid


@pytest.fixture
def no_system_font(monkeypatch):
    monkeypatch.setattr(captions, "find_chinese_font", lambda: None)


@pytest.fixture
def square_font(tmp_path):
    """A font whose every Chinese letter is a black square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(point)
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(letter): "square" for letter in "雏菊玫瑰"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": glyph})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1100, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "squares.ttf")
    return tmp_path / "squares.ttf"


def ink_below(captioned, height):
    return int((captioned[height:].astype(int).sum(axis=2) < 3 * 128).sum())


@pytest.mark.parametrize("size", [(1, 1), (30, 400), (400, 30), (300, 5000), (227, 227)])
@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_caption_is_dark_on_light_whatever_the_image(size, shade):
    image = np.full((*size, 3), shade, np.uint8)
    captioned = caption(image, ["99.9% daisy", "0.1% roses"], FontChooser())
    strip = captioned[round(size[0] * captioned.shape[1] / size[1]) :]
    assert captioned.shape[1] >= 240
    assert strip.max() == max(BACKGROUND)
    assert strip.min() <= max(TEXT_COLOR) + 40


def test_long_lines_stay_inside():
    image = np.zeros((50, 240, 3), np.uint8)
    captioned = caption(image, ["a very long name of a species " * 10], FontChooser())
    assert (captioned[50:, -4:] == BACKGROUND).all()


def test_chinese_with_a_font(square_font, no_system_font):
    fonts = FontChooser(square_font)
    assert fonts.showable("雏菊", "class 0") == "雏菊"
    captioned = caption(np.zeros((50, 240, 3), np.uint8), ["雏菊"], fonts)
    assert ink_below(captioned, 50) > 2 * 10 * 10  # two squares of over 10 x 10 pixels


def test_without_a_font_the_fallback_and_one_line(no_system_font, caplog):
    fonts = FontChooser()
    assert fonts.showable("雏菊", "class 0") == "class 0"
    assert fonts.showable("玫瑰", "class 1") == "class 1"
    assert fonts.showable("daisy", "class 2") == "daisy"
    assert len(caplog.records) == 1
    assert "--font" in caplog.text


def test_hostile_names_stay_in_one_line(no_system_font):
    """Pillow cannot measure several lines, and measures a megabyte for hours."""
    fonts = FontChooser()
    for name in ("two\nlines", "\x1b[31m\x00", "x" * 10**6):
        text = fonts.showable(name, "class 0")
        captioned = caption(np.zeros((50, 240, 3), np.uint8), [text], fonts)
        assert captioned.shape[0] < 50 + 3 * 14
        assert len(text) < 1000


@pytest.fixture
def system_fonts(monkeypatch):
    """Set the files that matplotlib has listed before, and those that it finds now."""
    monkeypatch.setattr(captions, "CHINESE_FONTS", ("other.ttf", "squares.ttf"))

    def set_fonts(listed, found):
        entries = [SimpleNamespace(fname=str(path)) for path in listed]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(map(str, found)))
        captions.find_chinese_font.cache_clear()

    yield set_fonts
    captions.find_chinese_font.cache_clear()


def test_a_system_font_is_found(square_font, system_fonts):
    path = square_font.rename(square_font.with_name("Squares.TTF"))
    missing, unknown = path.with_name("other.ttf"), path.with_name("unknown.ttf")
    unknown.touch()
    for listed, found, want in (
        ([unknown, path, missing], [], str(path)),
        ([missing], [path], str(path)),  # installed after matplotlib made its list
        ([unknown], [unknown], None),
    ):
        system_fonts(listed, found)
        assert captions.find_chinese_font() == want
    missing.touch()
    system_fonts([path, missing], [])
    assert captions.find_chinese_font() == str(missing)  # the first of the names


def test_a_home_that_cannot_be_written_to_is_no_error(tmp_path):
    """Matplotlib wants to keep its list of fonts there, and would warn."""
    (tmp_path / "file").touch()
    program = (
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "from paddle_alexnet.figures.captions import find_chinese_font, logging\n"
        "find_chinese_font()\n"
        "assert logging.getLogger('matplotlib').level == 0"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MPL", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**env, "HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_a_file_that_is_not_a_font(tmp_path):
    (tmp_path / "x.ttf").write_text("text")
    for name in ("x.ttf", "missing.ttf"):
        with pytest.raises(ConfigError, match="--font"):
            FontChooser(tmp_path / name)


def test_grid():
    images = [np.full((10 + i, 8, 3), i, np.uint8) for i in range(5)]
    sheet = grid(images, columns=3)
    assert sheet.shape == (2 * 14, 3 * 8, 3)
    assert (sheet[0:11, 8:16] == 1).all()
    assert (sheet[14 : 14 + 13, 0:8] == 3).all()
    assert (sheet[11:14, 8:16] == BACKGROUND).all()


@pytest.mark.parametrize("size", [(4000, 12), (30_000, 1), (1, 30_000)])
def test_very_long_images_fit_into_a_file(size):
    captioned = caption(np.zeros((*size, 3), np.uint8), ["99.9% daisy"], FontChooser())
    assert 240 <= captioned.shape[1] <= 1600
    assert captioned.shape[0] < 7000  # JPEG ends at 65,535
    assert ink_below(captioned, captioned.shape[0] - max(22, captioned.shape[1] // 12)) > 20

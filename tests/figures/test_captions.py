"""Captions and grids."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from paddle_alexnet.pictures import fonts

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.figures.captions import INK, PAPER, FontChooser, caption, grid


@pytest.fixture
def no_system_font(monkeypatch):
    monkeypatch.setattr(fonts, "find_chinese_font", lambda: None)


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


def ink_below(picture, height):
    return int((picture[height:].astype(int).sum(axis=2) < 3 * 128).sum())


@pytest.mark.parametrize("size", [(1, 1), (30, 400), (400, 30), (300, 5000), (227, 227)])
@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_caption_is_dark_on_light_whatever_the_picture(size, shade):
    image = np.full((*size, 3), shade, np.uint8)
    picture = caption(image, ["99.9% daisy", "0.1% roses"], FontChooser())
    strip = picture[round(size[0] * picture.shape[1] / size[1]) :]
    assert picture.shape[1] >= 240
    assert strip.max() == max(PAPER)
    assert strip.min() <= max(INK) + 40


def test_long_lines_stay_inside():
    image = np.zeros((50, 240, 3), np.uint8)
    picture = caption(image, ["a very long name of a species " * 10], FontChooser())
    assert (picture[50:, -4:] == PAPER).all()


def test_chinese_with_a_font(square_font, no_system_font):
    lettering = FontChooser(square_font)
    assert lettering.showable("雏菊", "class 0") == "雏菊"
    picture = caption(np.zeros((50, 240, 3), np.uint8), ["雏菊"], lettering)
    assert ink_below(picture, 50) > 2 * 10 * 10  # two squares of over 10 x 10 pixels


def test_without_a_font_the_fallback_and_one_line(no_system_font, caplog):
    lettering = FontChooser()
    assert lettering.showable("雏菊", "class 0") == "class 0"
    assert lettering.showable("玫瑰", "class 1") == "class 1"
    assert lettering.showable("daisy", "class 2") == "daisy"
    assert len(caplog.records) == 1
    assert "--font" in caplog.text


def test_names_made_to_harm_stay_in_one_line(no_system_font):
    """Pillow cannot measure several lines, and measures a megabyte for hours."""
    lettering = FontChooser()
    for name in ("two\nlines", "\x1b[31m\x00", "x" * 10**6):
        text = lettering.showable(name, "class 0")
        picture = caption(np.zeros((50, 240, 3), np.uint8), [text], lettering)
        assert picture.shape[0] < 50 + 3 * 14
        assert len(text) < 1000


def test_a_font_of_the_system_is_found(square_font, monkeypatch):
    monkeypatch.setattr(fonts, "FONT_FOLDERS", (str(square_font.parent),))
    monkeypatch.setattr(fonts, "CHINESE_FONTS", ("other.ttf", "Squares.TTF"))
    fonts.find_chinese_font.cache_clear()
    assert fonts.find_chinese_font() == str(square_font)
    fonts.find_chinese_font.cache_clear()


def test_a_file_that_is_no_font(tmp_path):
    (tmp_path / "x.ttf").write_text("no font")
    for name in ("x.ttf", "missing.ttf"):
        with pytest.raises(ConfigError, match="--font"):
            FontChooser(tmp_path / name)


def test_grid():
    images = [np.full((10 + i, 8, 3), i, np.uint8) for i in range(5)]
    sheet = grid(images, columns=3)
    assert sheet.shape == (2 * 14, 3 * 8, 3)
    assert (sheet[0:11, 8:16] == 1).all()
    assert (sheet[14 : 14 + 13, 0:8] == 3).all()
    assert (sheet[11:14, 8:16] == PAPER).all()


@pytest.mark.parametrize("size", [(4000, 12), (30_000, 1), (1, 30_000)])
def test_very_long_pictures_fit_into_a_file(size):
    picture = caption(np.zeros((*size, 3), np.uint8), ["99.9% daisy"], FontChooser())
    assert 240 <= picture.shape[1] <= 1600
    assert picture.shape[0] < 7000  # JPEG ends at 65,535
    assert ink_below(picture, picture.shape[0] - max(22, picture.shape[1] // 12)) > 20

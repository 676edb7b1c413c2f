"""Captions below images, grids, PNG files. All arrays are uint8 RGB [H, W, 3]."""

import logging
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paddle_alexnet.data.transforms import resize
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.printable import printable_name
from paddle_alexnet.storage.files import write_whole

logger = logging.getLogger(__name__)

# Fonts with Chinese glyphs that systems ship, best first; in lower case.
CHINESE_FONTS = (
    *("notosanscjk-regular.ttc", "notosanscjksc-regular.otf", "notosanssc-regular.otf"),
    *("sourcehansanssc-regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "uming.ttc"),
    *("droidsansfallbackfull.ttf", "pingfang.ttc", "stheiti medium.ttc", "hiragino sans gb.ttc"),
    *("msyh.ttc", "simhei.ttf", "simsun.ttc"),
)
Color = tuple[int, int, int]  # RGB
TEXT_COLOR, BACKGROUND = (20, 20, 20), (245, 245, 245)
RIGHT, WRONG = (0, 110, 40), (180, 30, 20)  # text colours of predictions
# Pixels; an image outside these limits is resized, so that its caption is readable.
MIN_WIDTH, MAX_WIDTH, MAX_HEIGHT = 240, 1600, 6400


class FontChooser:
    """Chooses a font that can show class names.

    Args:
        font: Font file; None for a system font if a name is not ASCII, else Pillow's own font.

    Raises:
        ConfigError: ``font`` cannot be read as a font.
    """

    def __init__(self, font: str | Path | None = None) -> None:
        self.path = None if font is None else str(font)
        self.reported = False
        if font is not None:
            try:
                ImageFont.truetype(self.path, 12)
            except OSError as error:
                raise ConfigError(f"--font {font} cannot be used: {error}") from error

    def font(self, text: str, size: int) -> ImageFont.FreeTypeFont:
        """A font of ``size`` pixels for ``text``."""
        path = self.path or (None if text.isascii() else find_chinese_font())
        return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)

    def showable(self, text: str, fallback: str) -> str:
        """A name in one line, or the ASCII ``fallback`` if no font can show it; warns once."""
        text = printable_name(text)
        if text.isascii() or self.path or find_chinese_font():
            return text
        if not self.reported:
            self.reported = True
            logger.warning(
                "no font for %r was found, so images say %r: install one (on Debian: "
                "fonts-noto-cjk) or name a file with --font",
                text,
                fallback,
            )
        return fallback

    def class_names(self, classes: Sequence[str]) -> list[str]:
        """Class names as :meth:`showable`, with ``class <label>`` in place of others."""
        return [self.showable(name, f"class {label}") for label, name in enumerate(classes)]


@cache
def find_chinese_font() -> str | None:
    """The file of the best of :data:`CHINESE_FONTS` that the system has.

    Matplotlib keeps a list of all fonts in the user's cache folder, or in a temporary folder if
    that is read-only. Fonts that were installed after it was made are searched for.
    """
    level = logging.getLogger("matplotlib").level
    try:
        # A folder that is read-only concerns nobody here.
        logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
        from matplotlib import font_manager
    finally:
        logging.getLogger("matplotlib").setLevel(level)

    def best(paths: Iterable[str]) -> str | None:
        files = {os.path.basename(path).lower(): path for path in paths if os.path.isfile(path)}
        return next((files[name] for name in CHINESE_FONTS if name in files), None)

    listed = best(entry.fname for entry in font_manager.fontManager.ttflist)
    return listed or best(font_manager.findSystemFonts())


def caption(
    image: np.ndarray,
    lines: Sequence[str],
    fonts: FontChooser,
    color: Color = TEXT_COLOR,
    bars: Sequence[tuple[float, Color]] = (),
) -> np.ndarray:
    """Add lines of text on a strip below an image, readable whatever the image shows.

    Args:
        image: Resized if its width is outside 240..1600 or its height over 6400.
        lines: Texts; each is shortened to the width.
        fonts: Chooses the fonts.
        color: Text colour, RGB.
        bars: Behind each of the last lines: fraction of the width, in [0, 1], and pale colour.
    """
    height, width = image.shape[:2]
    scale = min(min(max(width, MIN_WIDTH), MAX_WIDTH) / width, MAX_HEIGHT / height)
    if scale != 1:
        image = resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
    height, width = image.shape[0], max(image.shape[1], MIN_WIDTH)
    size = max(14, width // 24)
    row = size * 3 // 2
    canvas = Image.new("RGB", (width, height + row * len(lines) + size // 2), BACKGROUND)
    canvas.paste(Image.fromarray(image), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for i, (fraction, pale) in enumerate(bars, start=len(lines) - len(bars)):
        top = height + size // 4 + row * i
        right = size // 2 + round(fraction * (width - size))
        draw.rectangle((size // 2, top, right, top + row - size // 6), fill=pale)
    for i, line in enumerate(lines):
        font, text, end = fonts.font(line, size), line, len(line)
        while end > 1 and draw.textlength(text, font) > width - size:
            end -= 1
            text = line[:end] + "..."
        where = (size // 2, height + size // 4 + row * i)
        draw.text(where, text, fill=color, font=font)
    return np.asarray(canvas)


def grid(images: Sequence[np.ndarray], columns: int = 4) -> np.ndarray:
    """Tile images row by row; smaller ones get a margin to the right and below.

    Args:
        images: At least one.
        columns: Images per row.
    """
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    rows = -(-len(images) // columns)
    sheet = np.empty((rows * height, min(columns, len(images)) * width, 3), np.uint8)
    sheet[:] = BACKGROUND
    for i, image in enumerate(images):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Write an image as a PNG file.

    Raises:
        RunError: It cannot be written.
    """
    write_whole(path, lambda part: Image.fromarray(image).save(part, "PNG"))

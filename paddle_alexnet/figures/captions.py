"""A font that can show the class names."""

import logging
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paddle_alexnet.data.transforms import resize
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.printable import printable_name

log = logging.getLogger(__name__)

# Fonts with Chinese glyphs that systems ship, best first; compared without case.
CHINESE_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "uming.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "STHeiti Medium.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "simsun.ttc",
)
FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)


class FontChooser:
    """Chooses a font once and makes texts that it can show.

    Args:
        font: File to use; None for one of the system where a name is not ASCII, else Pillow's own.

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
        """A name in one line, or the ASCII ``fallback`` where no font can show it; says so once."""
        text = printable_name(text)
        if text.isascii() or self.path or find_chinese_font():
            return text
        if not self.reported:
            self.reported = True
            log.warning(
                "no font for %r was found, so pictures say %r: install one "
                "(on Debian: fonts-noto-cjk) or name a file with --font",
                text,
                fallback,
            )
        return fallback


@cache
def find_chinese_font() -> str | None:
    """The best of :data:`CHINESE_FONTS` that the system has."""
    rank = {name.lower(): i for i, name in enumerate(CHINESE_FONTS)}
    found: list[tuple[int, str]] = []
    for folder in FONT_FOLDERS:
        for parent, _, names in os.walk(os.path.expanduser(folder)):
            found += [
                (rank[name.lower()], os.path.join(parent, name))
                for name in names
                if name.lower() in rank
            ]
    return min(found)[1] if found else None


# MERGED pictures.annotate: Captions below pictures, and pictures side by side. All arrays are uint8 RGB [H, W, 3].


INK, PAPER = (20, 20, 20), (245, 245, 245)
RIGHT, WRONG = (0, 110, 40), (180, 30, 20)
# Pixels; outside, the picture is scaled for the caption's sake.
MIN_WIDTH, MAX_WIDTH, MAX_HEIGHT = 240, 1600, 6400


def caption(
    image: np.ndarray,
    lines: Sequence[str],
    lettering: FontChooser,
    color: tuple[int, int, int] = INK,
) -> np.ndarray:
    """Put lines of text on a strip of their own below a picture, readable whatever it shows.

    Args:
        image: The picture; scaled where its width is outside 240..1600 or its height over 6400.
        lines: Texts; each is shortened to the width.
        lettering: Chooses fonts.
        color: Of the text, RGB.
    """
    height, width = image.shape[:2]
    scale = min(min(max(width, MIN_WIDTH), MAX_WIDTH) / width, MAX_HEIGHT / height)
    if scale != 1:
        image = resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
    height, width = image.shape[0], max(image.shape[1], MIN_WIDTH)
    size = max(14, width // 24)
    row = size * 3 // 2
    canvas = Image.new("RGB", (width, height + row * len(lines) + size // 2), PAPER)
    canvas.paste(Image.fromarray(image), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for i, line in enumerate(lines):
        font = lettering.font(line, size)
        end = len(line)
        while end > 1 and draw.textlength(_shortened(line, end), font) > width - size:
            end -= 1
        where = (size // 2, height + size // 4 + row * i)
        draw.text(where, _shortened(line, end), fill=color, font=font)
    return np.asarray(canvas)


def _shortened(line: str, end: int) -> str:
    """The first ``end`` characters, with dots where that is not all."""
    return line if end >= len(line) else line[:end] + "..."


def grid(images: Sequence[np.ndarray], columns: int = 4) -> np.ndarray:
    """Tile pictures of one width, row by row; shorter ones get paper below.

    Args:
        images: At least one.
        columns: Pictures a row.
    """
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    rows = -(-len(images) // columns)
    sheet = np.empty((rows * height, min(columns, len(images)) * width, 3), np.uint8)
    sheet[:] = PAPER
    for i, image in enumerate(images):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet

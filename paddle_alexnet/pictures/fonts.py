"""A font that can show the class names."""

import logging
import os
from functools import cache
from pathlib import Path

from PIL import ImageFont

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


class Lettering:
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

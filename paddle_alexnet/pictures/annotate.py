"""Captions below pictures, and pictures side by side. All arrays are uint8 RGB [H, W, 3]."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from paddle_alexnet.data.transforms import resize
from paddle_alexnet.pictures.fonts import Lettering

INK, PAPER = (20, 20, 20), (245, 245, 245)
RIGHT, WRONG = (0, 110, 40), (180, 30, 20)
# Pixels; outside, the picture is scaled for the caption's sake.
MIN_WIDTH, MAX_WIDTH, MAX_HEIGHT = 240, 1600, 6400


def caption(
    image: np.ndarray,
    lines: Sequence[str],
    lettering: Lettering,
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

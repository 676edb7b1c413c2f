"""The paper's Figure 4: images with bars of the best scores, and rows of nearest images."""

from collections.abc import Sequence

import numpy as np

from paddle_alexnet.data.transforms import resize
from paddle_alexnet.figures.captions import BACKGROUND, MIN_WIDTH, FontChooser, caption, grid

BARS = 5
BAR, TRUE_BAR = (170, 203, 238), (247, 183, 163)  # pale, so that text over them is readable
GAP = 24  # pixels between an image and its neighbours

Cell = tuple[np.ndarray, Sequence[str]]  # an image, uint8 RGB [H, W, 3], and the lines below it


def score_bars(
    image: np.ndarray,
    scores: Sequence[float],
    names: Sequence[str],
    fonts: FontChooser,
    true: str | None = None,
) -> np.ndarray:
    """An image above the bars of its best classes.

    Args:
        image: uint8 RGB [H, W, 3].
        scores: Best first, in [0, 1]; the first :data:`BARS` are drawn.
        names: Of their classes, which a font can show.
        fonts: For the names.
        true: Name of the true class, which stands above the bars; its own bar is red.

    Returns:
        uint8 RGB.
    """
    best = list(zip(scores, names, strict=True))[:BARS]
    lines = [f"{score:.1%} {name}" for score, name in best]
    bars = [(float(score), TRUE_BAR if name == true else BAR) for score, name in best]
    return caption(image, lines if true is None else [true, *lines], fonts, bars=bars)


def neighbor_sheet(rows: Sequence[tuple[Cell, Sequence[Cell]]], fonts: FontChooser) -> np.ndarray:
    """Rows of an image and, after a gap, its neighbours.

    Args:
        rows: At least one; all with as many neighbours, and as many lines below each image.
        fonts: For the lines.

    Returns:
        uint8 RGB.
    """

    def draw(image: np.ndarray, lines: Sequence[str]) -> np.ndarray:
        return caption(resize(image, MIN_WIDTH, MIN_WIDTH), lines, fonts)

    left = grid([draw(*cell) for cell, _ in rows], columns=1)
    right = grid([draw(*cell) for _, cells in rows for cell in cells], columns=len(rows[0][1]))
    gap = np.full((len(left), GAP, 3), BACKGROUND, np.uint8)
    return np.concatenate([left, gap, right], axis=1)

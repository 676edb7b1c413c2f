"""Heat maps drawn over images. Images are uint8 RGB [H, W, 3]."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from paddle_alexnet.figures.captions import FontChooser, caption, grid

STRENGTH = 0.6  # of the colours over the grey image


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Colour an image by a heat map: dark where it is 0 or less, bright at its largest value.

    The colours are inferno's, whose lightness rises evenly, so that a print in grey reads alike.

    Args:
        image: uint8 RGB [H, W, 3].
        heat: float [H, W]. Its largest hundredth is at the end of the colours, so that a single
            pixel does not darken all others.
    """
    hot = np.maximum(heat, 0)
    top = np.quantile(hot, 0.99) or hot.max() or 1.0
    levels = np.rint(255 * np.minimum(hot / top, 1)).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None]
    return np.rint((1 - STRENGTH) * grey + STRENGTH * colors).astype(np.uint8)


def heat_row(
    image: np.ndarray, lines: Sequence[str], maps: Mapping[str, np.ndarray], fonts: FontChooser
) -> np.ndarray:
    """An image beside its heat maps.

    Args:
        image: As the net sees it, uint8 RGB [S, S, 3].
        lines: Text below it.
        maps: By the text below each, float [S, S].
        fonts: For the texts.

    Returns:
        uint8 RGB.
    """
    cells = [caption(overlay(image, heat), [text], fonts) for text, heat in maps.items()]
    return grid([caption(image, lines, fonts), *cells], columns=1 + len(cells))

"""The paper's change of colours (section 4.1): each picture is shifted as a whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # it loads Paddle; see paddle_alexnet.data.view
    from paddle_alexnet.data.pixels import Pixels

SPREAD = 0.1  # standard deviation of the random factors; the paper, and run #145


@dataclass(frozen=True)
class ColorNoise:
    """One RGB shift for all pixels of a picture.

    Attributes:
        directions: [3, 3], on 0..255; columns are what a factor of 1 adds along each principal
            component of colour.
        divisor: By which the picture, its mean removed and shifted, is divided.
    """

    directions: np.ndarray
    divisor: float = 1.0

    @classmethod
    def make(cls, kind: str, pixels: "Pixels") -> "ColorNoise":
        """The noise of the paper's text or of its code.

        Args:
            kind: ``paper`` multiplies a component by its *variance*, of pixels on [0, 1], as the
                text has it. ``krizhevsky2012`` multiplies by its standard deviation, on 0..255,
                and divides by 1.1, as run #145 does.
            pixels: Of the training set.

        Raises:
            ValueError: ``kind`` is another.
        """
        variances, components = pixels.components()
        if kind == "paper":
            return cls(components * (variances / 255**2) * 255)
        if kind == "krizhevsky2012":
            return cls(components * np.sqrt(variances), 1.1)
        raise ValueError(f"unknown color_noise {kind!r}: choose paper or krizhevsky2012")

    def shift(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a shift float32 [3] of RGB on 0..255."""
        return (self.directions @ rng.normal(0.0, SPREAD, 3)).astype(np.float32)

"""What the pixels of a training set are like: their mean picture and how colours vary."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.tensors import read_tensors, write_tensors


@dataclass(frozen=True)
class PixelStatistics:
    """Statistics of square pictures, over the whole set.

    Attributes:
        mean_image: float64 RGB [S, S, 3] on 0..255.
        covariance: float64 [3, 3], of RGB pixels on 0..255, all places together.
    """

    mean_image: np.ndarray
    covariance: np.ndarray

    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Variances [3] along the principal components of colour, falling, and these as columns.

        The components are of length 1; the sign of each is such that its entries sum to no less
        than 0.
        """
        variances, vectors = np.linalg.eigh(self.covariance)
        vectors = vectors[:, ::-1] * np.where(vectors[:, ::-1].sum(axis=0) < 0, -1.0, 1.0)
        return np.maximum(variances[::-1], 0.0), vectors

    def mean_crop(self, size: int) -> np.ndarray:
        """The middle [size, size, 3] of the mean picture, as run #145 subtracts it from all."""
        start = (self.mean_image.shape[0] - size) // 2
        return self.mean_image[start : start + size, start : start + size]


def measure_pixel_statistics(
    batches: Iterable[list[paddle.Tensor]],
    side: int,
    add_up: Callable[[list[float]], list[float]] = list,
) -> PixelStatistics:
    """Go through pictures once, a batch in memory at a time.

    Sums of whole numbers stay exact in float64 up to 2 million pictures of 256 x 256, so the result
    depends on nothing but the pictures, not on how many processes share them either.

    Args:
        batches: Of uint8 RGB [N, S, S, 3] and anything else.
        side: Their S.
        add_up: From this process's sums to those of all; default: it is the only one.
    """
    count, total, products = 0, np.zeros((side, side, 3)), np.zeros((3, 3))
    for images, *_ in batches:
        values = images.numpy().astype(np.float64)
        count += len(values)
        total = total + values.sum(axis=0)
        colors = values.reshape(-1, 3)
        products += colors.T @ colors
    sums = np.array(add_up([count, *total.ravel().tolist(), *products.ravel().tolist()]))
    count, products = int(sums[0]), sums[-9:].reshape(3, 3)
    mean_image = sums[1:-9].reshape(total.shape) / count
    mean = mean_image.mean(axis=(0, 1))
    pixels = count * mean_image.shape[0] * mean_image.shape[1]
    return PixelStatistics(mean_image, products / pixels - np.outer(mean, mean))


def write_pixel_statistics(path: Path, pixels: PixelStatistics) -> None:
    """Write the statistics, and for the reader the components of colour.

    Raises:
        RunError: The file cannot be written.
    """
    variances, vectors = pixels.components()
    arrays = {
        "mean_image": pixels.mean_image,
        "covariance": pixels.covariance,
        "variances": variances,
        "components": vectors,
    }
    write_tensors(path, arrays, {"format": "paddle-alexnet-pixels"})


def read_pixel_statistics(path: Path, side: int) -> PixelStatistics:
    """Read what :func:`write_pixel_statistics` wrote, of squares of ``side`` pixels.

    Raises:
        WeightsError: The file is missing, damaged or something else.
    """
    arrays, _ = read_tensors(path)
    for name, shape in (("mean_image", (side, side, 3)), ("covariance", (3, 3))):
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype.kind != "f":
            raise WeightsError(f"{path} does not hold statistics of pixels: no {name} {shape}")
        if not (np.abs(array) < 1e9).all():  # also NaN; variances are below 255 x 255
            raise WeightsError(f"{path} does not hold statistics of pixels: {name} is too large")
    return PixelStatistics(arrays["mean_image"], arrays["covariance"])


# MERGED data.color_noise: The paper's change of colours (section 4.1): each picture is shifted as a whole.


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
    def make(cls, kind: str, pixels: "PixelStatistics") -> "ColorNoise":
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

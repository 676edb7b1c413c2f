"""Pixel statistics of a training set, and the paper's colour noise, which is made from them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from paddle_alexnet.config.schema import Config

FACTOR_STD = 0.1  # standard deviation of the random factors; the paper, and run #145


@dataclass(frozen=True)
class PixelStatistics:
    """Statistics of square images, over the whole set.

    Attributes:
        mean_image: float64 RGB [S, S, 3] on 0..255.
        covariance: float64 [3, 3], of RGB pixels on 0..255, over all positions.
    """

    mean_image: np.ndarray
    covariance: np.ndarray

    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Variances [3] along the principal components of colour, descending; these as columns.

        The components have length 1 and a sign such that their entries sum to at least 0.
        """
        variances, vectors = np.linalg.eigh(self.covariance)
        vectors = vectors[:, ::-1] * np.where(vectors[:, ::-1].sum(axis=0) < 0, -1.0, 1.0)
        return np.maximum(variances[::-1], 0.0), vectors

    def mean_crop(self, size: int) -> np.ndarray:
        """The central [size, size, 3] of the mean image, as run #145 subtracts it from all."""
        start = (self.mean_image.shape[0] - size) // 2
        return self.mean_image[start : start + size, start : start + size]


def measure_pixel_statistics(
    batches: Iterable[list[np.ndarray]],
    side: int,
    all_reduce_sum: Callable[[list[float]], list[float]] = list,
) -> PixelStatistics:
    """Measure in one pass, with one batch in memory at a time.

    Sums of whole numbers are exact in float64 up to 2 million images of 256 x 256, so the result
    depends only on the images, not on how many processes share them.

    Args:
        batches: Each with uint8 RGB [N, S, S, 3] first.
        side: Their S.
        all_reduce_sum: From this process's sums to those of all processes.
    """
    count, total, products = 0, np.zeros((side, side, 3)), np.zeros((3, 3))
    for images, *_ in batches:
        values = images.astype(np.float64)
        count += len(values)
        total = total + values.sum(axis=0)
        colors = values.reshape(-1, 3)
        products += colors.T @ colors
    sums = np.array(all_reduce_sum([count, *total.ravel().tolist(), *products.ravel().tolist()]))
    count, products = int(sums[0]), sums[-9:].reshape(3, 3)
    mean_image = sums[1:-9].reshape(total.shape) / count
    mean = mean_image.mean(axis=(0, 1))
    pixels = count * mean_image.shape[0] * mean_image.shape[1]
    return PixelStatistics(mean_image, products / pixels - np.outer(mean, mean))


def write_pixel_statistics(path: Path, statistics: PixelStatistics) -> None:
    """Write the statistics and, for readers, the principal components.

    Raises:
        RunError: The file cannot be written.
    """
    variances, vectors = statistics.components()
    arrays = {
        "mean_image": statistics.mean_image,
        "covariance": statistics.covariance,
        "variances": variances,
        "components": vectors,
    }
    write_tensors(path, arrays, {"format": "paddle-alexnet-pixels"})


def read_pixel_statistics(path: Path, side: int) -> PixelStatistics:
    """Read what :func:`write_pixel_statistics` wrote, for images of ``side`` x ``side`` pixels.

    Raises:
        WeightsError: The file is missing, damaged or of another kind.
    """
    arrays, _ = read_tensors(path)
    for name, shape in (("mean_image", (side, side, 3)), ("covariance", (3, 3))):
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype.kind != "f":
            raise WeightsError(f"{path} does not hold pixel statistics: no {name} {shape}")
        if not (np.abs(array) < 1e9).all():  # also NaN; variances are below 255 x 255
            raise WeightsError(f"{path} does not hold pixel statistics: {name} is too large")
    return PixelStatistics(arrays["mean_image"], arrays["covariance"])


def needs_statistics(config: "Config") -> bool:
    """Whether a run needs statistics of its training images."""
    return config.data.mean == "image" or config.augment.color_noise != "none"


@dataclass(frozen=True)
class ColorNoise:
    """The paper's colour noise (section 4.1): one RGB shift for all pixels of an image.

    Attributes:
        directions: [3, 3], on 0..255; the columns are what a factor of 1 adds along each principal
            component of colour.
        divisor: The image is divided by it, after its mean was subtracted and the shift added.
    """

    directions: np.ndarray
    divisor: float = 1.0

    @classmethod
    def build(cls, kind: str, statistics: PixelStatistics | None) -> "ColorNoise | None":
        """The noise of ``augment.color_noise``.

        Args:
            kind: ``none``: None. ``paper``: a component is multiplied by its *variance*, of pixels
                on [0, 1], as the text says. ``krizhevsky2012``: by its standard deviation, on
                0..255, and the image is divided by 1.1, as run #145 does.
            statistics: Of the training set; None with ``none`` only.
        """
        if kind == "none":
            return None
        variances, components = statistics.components()
        if kind == "paper":
            return cls(components * (variances / 255**2) * 255)
        return cls(components * np.sqrt(variances), 1.1)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a shift, float32 [3], RGB on 0..255."""
        return (self.directions @ rng.normal(0.0, FACTOR_STD, 3)).astype(np.float32)

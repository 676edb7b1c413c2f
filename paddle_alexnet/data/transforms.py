"""Transforms of single images, with OpenCV; all take and give uint8 RGB [H, W, 3].

Random ones are called with a generator, so the caller decides what they depend on. A new
augmentation is a function here, an entry of :data:`AUGMENTATIONS` and its key in config/schema.py.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from paddle_alexnet.config.schema import AugmentConfig
    from paddle_alexnet.data.preprocessing import Preprocessing

Transform = Callable[[np.ndarray, np.random.Generator], np.ndarray]

MAX_ASPECT = 8  # long side / short side; pixels further from the centre are ignored
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601: RGB to grey


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale to ``height`` x ``width``: area interpolation when shrinking, else bilinear."""
    shrinks = height < image.shape[0] and width < image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=how)


def resize_short_side(image: np.ndarray, side: int) -> np.ndarray:
    """Scale so that the shorter side is ``side`` pixels; the aspect ratio is kept."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    return resize(image, max(side, round(height * scale)), max(side, round(width * scale)))


def center_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The central ``size`` x ``size`` pixels of an image at least that large."""
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def central_square(image: np.ndarray, side: int, squash: bool = False) -> np.ndarray:
    """Scale the short side to ``side`` and crop the central ``side`` x ``side`` pixels.

    With ``squash``, scale the whole image to a square instead, whatever its aspect ratio.
    """
    if squash:
        return resize(image, side, side)
    # Of a very long image only the centre is scaled: 1 x 100,000 pixels, a file of a kilobyte,
    # would become gigabytes. The parity stays, and so does the centre.
    height, width = image.shape[:2]
    reach = MAX_ASPECT * min(height, width)
    if max(height, width) > reach + 1:
        rows, columns = (reach + (long - reach) % 2 for long in (height, width))
        top, left = max(0, height - rows) // 2, max(0, width - columns) // 2
        image = image[top : top + rows, left : left + columns]
    return center_crop(resize_short_side(image, side), side)


def random_flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror left and right with probability 1/2."""
    return image[:, ::-1] if rng.random() < 0.5 else image


@dataclass(frozen=True)
class Compose:
    """Apply transforms one after the other."""

    steps: Sequence[Transform]

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Apply all."""
        for step in self.steps:
            image = step(image, rng)
        return image


@dataclass(frozen=True)
class RandomCrop:
    """The paper's crop (section 4.1): a random part of the central square.

    Both ends of the range of offsets occur: 0..32 from 256 to 224, so 33 x 33 positions, as in the
    original code; the paper's 2,048 counts 32 x 32.

    Attributes:
        size: Side of the result, pixels.
        resize: Side of the square it is cut from.
        squash: Whether the whole image is scaled to that square, as in Caffe.
    """

    size: int
    resize: int = 256
    squash: bool = False

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Crop."""
        square = central_square(image, self.resize, self.squash)
        top, left = rng.integers(0, self.resize - self.size, size=2, endpoint=True)
        return square[top : top + self.size, left : left + self.size]


@dataclass(frozen=True)
class CenterCrop:
    """What validation sees, so nothing random.

    Attributes:
        preprocessing: Resizes and crops.
    """

    preprocessing: "Preprocessing"

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Crop."""
        return self.preprocessing(image)


@dataclass(frozen=True)
class RandomResizedCrop:
    """A crop of random area and aspect ratio, scaled to a square (Szegedy et al. 2014, section 6).

    Attributes:
        size: Side of the result, pixels.
        scale: Least and greatest fraction of the area.
        ratio: Least and greatest width / height; its logarithm is uniform.
    """

    size: int
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Crop and scale."""
        top, left, height, width = self.window(image.shape[0], image.shape[1], rng)
        part = image[top : top + height, left : left + width]
        return resize(part, self.size, self.size)

    def window(
        self, height: int, width: int, rng: np.random.Generator
    ) -> tuple[int, int, int, int]:
        """Draw (top, left, height, width) within an image of ``height`` x ``width``."""
        for _ in range(10):
            area = height * width * rng.uniform(*self.scale)
            shape = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                top = int(rng.integers(0, height - h, endpoint=True))
                left = int(rng.integers(0, width - w, endpoint=True))
                return top, left, h, w
        # A very long image: the central crop of the nearest allowed aspect ratio.
        w = min(width, round(height * self.ratio[1]))
        h = min(height, round(width / self.ratio[0]))
        return (height - h) // 2, (width - w) // 2, h, w


@dataclass(frozen=True)
class ColorJitter:
    """Random brightness, contrast, saturation and hue, in random order.

    Attributes:
        brightness: Pixels are multiplied by a factor in [max(0, 1 - x), 1 + x].
        contrast: The same for the distance from the image's mean grey.
        saturation: The same for the distance from each pixel's own grey.
        hue: Shift of the hue in [-x, x], as a fraction of the colour circle, at most 0.5.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change the colours."""
        pixels = image.astype(np.float32)
        changes = (
            (scale_brightness, self._factors(self.brightness)),
            (scale_contrast, self._factors(self.contrast)),
            (scale_saturation, self._factors(self.saturation)),
            (shift_hue, (-self.hue, self.hue)),
        )
        for which in rng.permutation(len(changes)):
            change, (least, greatest) = changes[which]
            if least < greatest:
                pixels = np.clip(change(pixels, rng.uniform(least, greatest)), 0, 255)
        return np.rint(pixels).astype(np.uint8)

    @staticmethod
    def _factors(reach: float) -> tuple[float, float]:
        return max(0.0, 1 - reach), 1 + reach


def scale_brightness(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Multiply float32 RGB [H, W, 3]; the caller clips to 0..255."""
    return pixels * np.float32(factor)


def scale_contrast(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Scale the distance of float32 RGB [H, W, 3] from the mean grey of the image."""
    mean = np.float32((pixels @ LUMA).mean())
    return (pixels - mean) * np.float32(factor) + mean


def scale_saturation(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Scale the distance of float32 RGB [H, W, 3] from the grey of each pixel."""
    grey = (pixels @ LUMA)[..., None]
    return (pixels - grey) * np.float32(factor) + grey


def shift_hue(pixels: np.ndarray, fraction: float) -> np.ndarray:
    """Shift the hue of float32 RGB [H, W, 3] on 0..255 by a fraction of the colour circle."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)  # for float: hue in degrees
    hsv[..., 0] = np.mod(hsv[..., 0] + np.float32(360 * fraction), np.float32(360))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _make_crop(keys: "AugmentConfig", preprocessing: "Preprocessing") -> Transform:
    size = preprocessing.input_size
    if keys.crop == "center":
        return CenterCrop(preprocessing)
    if keys.crop == "random":
        return RandomCrop(size, preprocessing.resize, preprocessing.squash)
    return RandomResizedCrop(size, scale=(keys.min_area, 1.0))


def _make_flip(keys: "AugmentConfig", preprocessing: "Preprocessing") -> Transform | None:
    return random_flip if keys.flip else None


def _make_jitter(keys: "AugmentConfig", preprocessing: "Preprocessing") -> Transform | None:
    jitter = ColorJitter(keys.brightness, keys.contrast, keys.saturation, keys.hue)
    return None if jitter == ColorJitter() else jitter


# Applied in this order to training images; None: the keys switch it off. The first gives the
# net's input size. Functions in an entry must be picklable, as loading processes receive them.
AUGMENTATIONS: dict[str, Callable[["AugmentConfig", "Preprocessing"], Transform | None]] = {
    "crop": _make_crop,
    "flip": _make_flip,
    "jitter": _make_jitter,
}


def build_augmentation(keys: "AugmentConfig", preprocessing: "Preprocessing") -> Compose:
    """The random transform of training images, to uint8 RGB [input_size, input_size, 3]."""
    made = (make(keys, preprocessing) for make in AUGMENTATIONS.values())
    return Compose([step for step in made if step is not None])

"""From an image of any size to a net's input, the same in validation and in use."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from paddle_alexnet.data.transforms import center_crop, central_square

# Per channel RGB on [0, 1], over ImageNet's training set; torchvision's and PaddleClas's numbers.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Wider than any data needs, and far from the limits of float32.
MEAN_RANGE = (-1000.0, 1000.0)
STD_RANGE = (1e-6, 1000.0)
MAX_SIDE = 4096  # pixels; weights files that ask for more are refused


@dataclass(frozen=True)
class Preprocessing:
    """Resize and centre crop; later, on the device, subtract the mean and divide by std.

    Attributes:
        input_size: Side of the net's square input, pixels.
        resize: Length of the short side before the crop, pixels, >= ``input_size``; with
            ``squash`` of both sides.
        mean: Per channel RGB, of pixels on [0, 1]; in :data:`MEAN_RANGE`.
        std: Per channel RGB, of pixels on [0, 1]; 1/255 keeps the range of 0..255. In
            :data:`STD_RANGE`.
        squash: Whether the whole image is scaled to a square, whatever its aspect ratio, so that
            nothing is cut off.

    Raises:
        ValueError: A value is out of range or of another type.
    """

    input_size: int = 227
    resize: int = 256
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    squash: bool = False

    def __post_init__(self) -> None:
        sides = (self.input_size, self.resize)
        if {*map(type, sides)} != {int} or not 1 <= self.input_size <= self.resize <= MAX_SIDE:
            raise ValueError(
                f"expected whole numbers 1 <= input_size <= resize <= {MAX_SIDE}, got {sides}"
            )
        if type(self.squash) is not bool:
            raise ValueError(f"squash must be true or false, got {self.squash!r}")
        for name, (least, most) in {"mean": MEAN_RANGE, "std": STD_RANGE}.items():
            values = getattr(self, name)
            three = isinstance(values, Sequence) and len(values) == 3
            numbers = three and all(type(v) in (int, float) for v in values)
            if not numbers or not all(least <= v <= most for v in values):
                raise ValueError(f"{name} must hold three numbers from {least:g} to {most:g}")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """From uint8 RGB [H, W, 3] to uint8 RGB [input_size, input_size, 3]."""
        return center_crop(self.square(image), self.input_size)

    def square(self, image: np.ndarray) -> np.ndarray:
        """The square from which crops are taken, uint8 RGB [resize, resize, 3]."""
        return central_square(image, self.resize, self.squash)

    @property
    def has_views(self) -> bool:
        """Whether crops differ: not where images are resized to the input size."""
        return self.resize > self.input_size

    def views(self, image: np.ndarray) -> np.ndarray:
        """The paper's ten views (section 4.1), uint8 RGB [10, input_size, input_size, 3].

        The four corners and the centre of the central square of ``resize`` pixels, then the same
        mirrored.

        Raises:
            ValueError: Images are resized to the input size, so there is only one crop.
        """
        if not self.has_views:
            raise ValueError(
                f"images are resized to the input of {self.input_size} pixels: ten views would be "
                "the same two"
            )
        square = self.square(image)
        last, size = self.resize - self.input_size, self.input_size
        places = [(0, 0), (0, last), (last, 0), (last, last), (last // 2, last // 2)]
        crops = [square[top : top + size, left : left + size] for top, left in places]
        return np.stack([*crops, *(crop[:, ::-1] for crop in crops)])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Undo :meth:`to_json`.

        Raises:
            TypeError, ValueError: A value is missing, out of range or of another type.
        """
        known = {field.name for field in fields(cls)}
        # Weights files of the first version have no squash.
        if not isinstance(values, Mapping) or {"squash", *values} != known:
            raise ValueError(f"its preprocessing must have the keys {sorted(known)}")
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

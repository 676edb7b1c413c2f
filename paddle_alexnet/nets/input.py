"""From a uint8 batch to a net's input, on the net's device."""

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn


class Normalize(nn.Layer):
    """Turn uint8 RGB [N, H, W, 3] into float32 [N, 3, H, W] with the given mean and std removed.

    Args:
        mean: Per channel, on [0, 1].
        std: Per channel, on [0, 1], > 0.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # (x / 255 - mean) / std as one product and one sum.
        scale = 1 / (255 * np.array(std, np.float64))
        shift = -np.array(mean, np.float64) / np.array(std, np.float64)
        self.register_buffer("scale", _per_channel(scale), persistable=False)
        self.register_buffer("shift", _per_channel(shift), persistable=False)

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``images``."""
        return images.transpose([0, 3, 1, 2]).astype("float32") * self.scale + self.shift


def _per_channel(values: np.ndarray) -> paddle.Tensor:
    return paddle.to_tensor(values.reshape(1, 3, 1, 1).astype(np.float32))

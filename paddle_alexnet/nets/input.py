"""From a uint8 batch to a net's input, on the net's device."""

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn


class Normalize(nn.Layer):
    """Turn uint8 RGB [N, H, W, 3] into float32 [N, 3, H, W] with the given mean and std removed.

    Args:
        mean: On [0, 1]; per channel [3], or a picture [H, W, 3].
        std: Per channel, on [0, 1], > 0.
        noise_divisor: What pictures with colour noise are divided by in the end; see
            :class:`paddle_alexnet.data.color_noise.ColorNoise`.
    """

    def __init__(
        self, mean: Sequence[float] | np.ndarray, std: Sequence[float], noise_divisor: float = 1.0
    ) -> None:
        super().__init__()
        mean, std = np.array(mean, np.float64), np.array(std, np.float64)
        # (x / 255 - mean) / std as one product and one sum.
        self.register_buffer("scale", _channels_first(1 / (255 * std)), persistable=False)
        self.register_buffer("offset", _channels_first(-mean / std), persistable=False)
        self.noise_divisor = noise_divisor

    def forward(self, images: paddle.Tensor, shift: paddle.Tensor | None = None) -> paddle.Tensor:
        """Normalise ``images``; ``shift`` [N, 3], of pixels on 0..255, is added to each."""
        pixels = images.transpose([0, 3, 1, 2]).astype("float32")
        if shift is None:
            return pixels * self.scale + self.offset
        moved = pixels + shift.unsqueeze([2, 3])
        return (moved * self.scale + self.offset) / self.noise_divisor


def _channels_first(values: np.ndarray) -> paddle.Tensor:
    """From [3] or [H, W, 3] to [3, 1, 1] or [3, H, W].

    Without an axis for the batch: with one, of length 1, Paddle takes ten times as long (measured).
    """
    shaped = values.reshape(1, 1, 3) if values.ndim == 1 else values
    return paddle.to_tensor(np.ascontiguousarray(shaped.transpose(2, 0, 1), dtype=np.float32))

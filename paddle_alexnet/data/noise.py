"""Pictures of noise with the spectrum of photos, for measurements that need no photos."""

import numpy as np


def noise_images(count: int, size: int, seed: int) -> np.ndarray:
    """Draw pictures whose amplitude falls as 1 / frequency, as that of photos does on average.

    (Field 1987, "Relations between the statistics of natural images and the response properties of
    cortical cells".) Colours are independent; each picture is stretched to the whole range.

    Args:
        count: Pictures.
        size: Side, pixels.
        seed: Of the noise.

    Returns:
        uint8 RGB [count, size, size, 3].
    """
    white = np.random.default_rng(seed).standard_normal((count, 3, size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf  # no constant part
    pink = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(size, size))
    low, high = (f(pink, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    return np.rint(255 * (pink - low) / (high - low)).astype(np.uint8).transpose(0, 2, 3, 1)

"""What both libraries are measured on: noise from a fixed seed. Loads neither of them.

So that a process that measures the other library's memory does not hold Paddle too.
"""

from collections.abc import Callable

import numpy as np

Case = Callable[[], object]
CLASSES = 1000


def noise(*shape: int) -> np.ndarray:
    """float32 of unit variance."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def labels(count: int) -> np.ndarray:
    """int64 in [0, CLASSES)."""
    return np.random.default_rng(1).integers(0, CLASSES, count)

"""Every random number of a run, in one place.

No generator is kept from one step to the next: each draw depends only on the run's seed and on what
it is for. A resumed run therefore continues exactly, and neither the number of loading processes
nor the order of work changes a result. Initial weights are the exception: Paddle draws them from
``paddle.seed(seed)`` when the net is built. This module does not import Paddle, as the loading
processes use it.
"""

import random

import numpy as np

# Second word of each seed sequence, so that no two purposes share numbers.
_ORDER, _AUGMENTATION, _DROPOUT = 0, 1, 2


def order_rng(seed: int, epoch: int) -> np.random.Generator:
    """Generator for the order of the training images in an epoch (from 0)."""
    return np.random.default_rng([seed, _ORDER, epoch])


def augmentation_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Generator for the augmentation and the colour noise of one training image in an epoch."""
    return np.random.default_rng([seed, _AUGMENTATION, epoch, index])


def dropout_seed(seed: int, step: int, rank: int) -> int:
    """Seed for ``paddle.seed`` before a training step, in [0, 2**32).

    Args:
        seed: The run's seed.
        step: Steps done before.
        rank: Rank of the process, as each drops other units of its part of the batch.
    """
    words = [seed, _DROPOUT, step, *([rank] if rank else [])]
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def split_rng(seed: int, class_name: str) -> random.Random:
    """Generator that draws the val images of one class with ``data.split: random``."""
    # Seeded with bytes, which equals seeding with the text: a folder's name may be invalid UTF-8.
    return random.Random(f"{seed} {class_name}".encode("utf-8", "surrogatepass"))

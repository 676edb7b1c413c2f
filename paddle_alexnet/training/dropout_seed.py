"""What dropout draws from."""

import numpy as np

DROPOUT_STREAM = 2  # beside the streams of paddle_alexnet.data.batches


def dropout_seed(seed: int, step: int, rank: int) -> int:
    """Paddle's seed for an update, in [0, 2 ** 32).

    Args:
        seed: Of the run.
        step: Updates made before.
        rank: Of the process: each drops different values; one that is alone draws as if there were
            no ranks.
    """
    words = [seed, DROPOUT_STREAM, step, *([rank] if rank else [])]
    return int(np.random.SeedSequence(words).generate_state(1)[0])

"""Reading by torch's loader. Its processes load torch and not Paddle, as ours load neither."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader

from paddle_alexnet.data.dataset import AugmentedDataset


def reader(view: AugmentedDataset, batch: int, workers: int) -> Callable[[], int]:
    """An epoch over the same pictures, decoded and changed by the same code; gives their number.

    Args:
        view: The pictures.
        batch: Pictures a batch.
        workers: Processes; 0 for the calling thread.
    """
    loader = DataLoader(
        view,
        batch,
        shuffle=True,
        num_workers=workers,
        collate_fn=_collect,
        # As ours: a fork of a process with Paddle's threads may hang.
        multiprocessing_context="spawn" if workers else None,
    )
    return lambda: sum(len(images) for images, _ in loader)


def _collect(items: Sequence[tuple[np.ndarray, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = zip(*items, strict=True)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)

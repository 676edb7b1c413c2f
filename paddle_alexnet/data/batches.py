"""From a data set to batches of Paddle tensors; they become floats on the device."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
import paddle

from paddle_alexnet.data.dataset import AugmentedDataset, ImageDataset, PreprocessedDataset
from paddle_alexnet.data.loader import group_indices, load_batches
from paddle_alexnet.data.transforms import Transform
from paddle_alexnet.randomness import order_rng


@dataclass
class TrainingBatches:
    """Augmented batches of an epoch, in an order that depends only on (seed, epoch).

    Attributes:
        dataset: The training images.
        augmentation: Random transform to images of one size.
        batch_size: Images per batch; the last batch of an epoch may be smaller.
        seed: The run's seed.
        workers: Processes that decode; 0: a thread of this process.
        draw_offset: As for :class:`paddle_alexnet.data.dataset.AugmentedDataset`.
        share: (rank, count): of every batch this process loads each ``count``-th image, starting
            at ``rank``.
        augmented: The samples of the current epoch.
    """

    dataset: ImageDataset
    augmentation: Transform
    _: KW_ONLY
    batch_size: int
    seed: int = 0
    workers: int = 0
    draw_offset: Callable[[np.random.Generator], np.ndarray] | None = None
    share: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        self.augmented = AugmentedDataset(
            self.dataset, self.augmentation, self.seed, self.draw_offset
        )

    def __len__(self) -> int:
        """Batches per epoch."""
        return math.ceil(self.images / self.batch_size)

    @property
    def images(self) -> int:
        """Images per epoch."""
        return len(self.dataset)

    def epoch(
        self, epoch: int, first_batch: int = 0, offsets: bool = True
    ) -> Iterator[list[paddle.Tensor]]:
        """Batches [uint8 [N, S, S, 3], int64 [N]] of an epoch (from 0), from ``first_batch`` on.

        With ``draw_offset``, unless ``offsets`` is false, the third part holds the offsets,
        float32 [N, 3], RGB on 0..255.
        """
        self.augmented.epoch = epoch
        self.augmented.offsets = offsets
        rank, count = self.share
        groups = [group[rank::count] for group in self._groups(epoch)[first_batch:]]
        return _tensors(load_batches(self.augmented, groups, self.workers))

    def names(self, epoch: int, first_batch: int, count: int) -> tuple[str, ...]:
        """Names of the images in ``count`` batches of an epoch (from 0), of all processes."""
        groups = self._groups(epoch)[first_batch : first_batch + count]
        return tuple(self.dataset.name(index) for group in groups for index in group)

    def _groups(self, epoch: int) -> list[Sequence[int]]:
        order = order_rng(self.seed, epoch).permutation(self.images)
        return group_indices(order.tolist(), self.batch_size)


@dataclass
class EvaluationBatches:
    """Batches in order, as often as they are iterated.

    Each is [uint8 [N, S, S, 3] or, of several views, [N, V, S, S, 3]; int64 [N]].

    Attributes:
        dataset: The images.
        preprocess: Transform to arrays of one shape.
        batch_size: Images per batch; the last batch may be smaller.
        workers: As for :class:`TrainingBatches`.
        share: (rank, count): each ``count``-th image, starting at ``rank``.
    """

    dataset: ImageDataset
    preprocess: Callable[[np.ndarray], np.ndarray]
    _: KW_ONLY
    batch_size: int
    workers: int = 0
    share: tuple[int, int] = (0, 1)

    def __iter__(self) -> Iterator[list[paddle.Tensor]]:
        rank, count = self.share
        groups = group_indices(range(rank, len(self.dataset), count), self.batch_size)
        samples = PreprocessedDataset(self.dataset, self.preprocess)
        return _tensors(load_batches(samples, groups, self.workers))


def _tensors(batches: Iterator[list[np.ndarray]]) -> Iterator[list[paddle.Tensor]]:
    try:
        for batch in batches:
            yield [paddle.to_tensor(part) for part in batch]
    finally:
        batches.close()  # stops the loading where the epoch is left early

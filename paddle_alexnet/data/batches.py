"""From a data set to batches of uint8 pictures; they become floats on the device."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import paddle

from paddle_alexnet.data.dataset import AugmentedDataset, ImageSamples
from paddle_alexnet.data.loader import load_batches
from paddle_alexnet.data.pixel_statistics import ColorNoise
from paddle_alexnet.data.transforms import Transform

# Of the random numbers that one seed gives; augmentation (data/view.py) and dropout
# (training/loop.py) have the next.
ORDER_STREAM = 0


class TrainingBatches:
    """Batches of an epoch, in an order told by (seed, epoch) alone.

    Args:
        pictures: The training pictures.
        transform: The random change of each.
        batch_size: Pictures a batch; the last of an epoch may hold fewer.
        seed: Of the run.
        workers: Processes that decode; 0 for a thread of this process.
        noise: As for :class:`AugmentedDataset`.
        noise_epochs: The first epochs have noise, so many; None for all.
        share: (rank, count): of each batch this process loads every ``count``-th picture, from
            number ``rank`` on.

    Attributes:
        view: The pictures of the epoch under way.
    """

    def __init__(
        self,
        pictures: ImageSamples,
        transform: Transform,
        *,
        batch_size: int,
        seed: int = 0,
        workers: int = 0,
        noise: ColorNoise | None = None,
        noise_epochs: int | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.view = AugmentedDataset(pictures, transform, seed, noise)
        self.share = share
        self.noise_epochs = noise_epochs
        self.batch_size = batch_size
        self.workers = workers

    def __len__(self) -> int:
        """Batches an epoch."""
        return math.ceil(self.images / self.batch_size)

    @property
    def images(self) -> int:
        """Pictures an epoch."""
        return len(self.view)

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[list[paddle.Tensor]]:
        """Batches [uint8 [N, S, S, 3], int64 [N]] of an epoch (from 0), from ``first_batch`` on.

        With noise a third part holds the shifts, float32 [N, 3], RGB on 0..255.
        """
        self.view.epoch = epoch
        over = self.noise_epochs is not None and epoch >= self.noise_epochs
        self.view.noisy = self.view.noise is not None and not over
        rank, count = self.share
        shares = [group[rank::count] for group in self._groups(epoch)[first_batch:]]
        return load_batches(self.view, shares, self.workers)

    def files(self, epoch: int, first_batch: int, count: int) -> tuple[str, ...]:
        """The files of ``count`` batches of an epoch (from 0), of all processes together."""
        groups = self._groups(epoch)[first_batch : first_batch + count]
        samples = self.view.pictures.samples
        return tuple(str(samples[index][0]) for group in groups for index in group)

    def _groups(self, epoch: int) -> list[Sequence[int]]:
        rng = np.random.default_rng([self.view.seed, ORDER_STREAM, epoch])
        return _in_groups(rng.permutation(self.images).tolist(), self.batch_size)


class EvaluationBatches:
    """Batches [uint8 [N, S, S, 3], int64 [N]] in order, as often as they are iterated.

    Args:
        pictures: With a transform that gives all the same size.
        batch_size: Pictures a batch; the last may hold fewer.
        workers: As for :class:`TrainingBatches`.
        share: (rank, count): every ``count``-th picture, from number ``rank`` on.
    """

    def __init__(
        self,
        pictures: ImageSamples,
        *,
        batch_size: int,
        workers: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.pictures = pictures
        self.share = share
        self.batch_size = batch_size
        self.workers = workers

    def __iter__(self) -> Iterator[list[paddle.Tensor]]:
        rank, count = self.share
        groups = _in_groups(range(rank, len(self.pictures), count), self.batch_size)
        return load_batches(self.pictures, groups, self.workers)


def _in_groups(indices: Sequence[int], size: int) -> list[Sequence[int]]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]

"""Data-parallel training in the processes that ``python -m paddle.distributed.launch`` starts.

The parts of a batch may differ by one image, and the losses must equal those of one process. So
``paddle.DataParallel``, which gives the mean of every process the same weight, and
``paddle.io.DistributedBatchSampler``, which repeats images until all parts are equal, are not used:
the loss is divided by the number of images of all processes, and the gradients are summed after the
backward pass, not during it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import paddle
from paddle import distributed


@dataclass(frozen=True)
class Ranks:
    """The rank of this process, and reductions over all processes.

    Every process must call the methods in the same order.

    Attributes:
        rank: From 0; rank 0 writes logs and files.
        count: Number of processes (the world size).
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes logs and files."""
        return self.rank == 0

    @property
    def share(self) -> tuple[int, int]:
        """(rank, count), as the batches need it."""
        return self.rank, self.count

    def all_reduce_sum(self, values: list[float]) -> list[float]:
        """The sums of numbers over all processes, in float64."""
        if self.count == 1:
            return values
        tensor = paddle.to_tensor(values, "float64")
        distributed.all_reduce(tensor)
        return tensor.tolist()

    def all_reduce_(self, tensors: Iterable[paddle.Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.count > 1:
            # All are started before the first is waited for.
            for work in [distributed.all_reduce(t, sync_op=False) for t in tensors]:
                work.wait()

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process."""
        return self.all_reduce_sum([float(flag)])[0] > 0

    def barrier(self) -> None:
        """Wait until all processes have called this."""
        self.all_reduce_sum([0.0])


ALONE = Ranks()


def join_ranks() -> Ranks:
    """Join the processes that the launcher started; :data:`ALONE` without a launcher.

    To be called once, after the device is chosen.
    """
    if int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) < 2:
        return ALONE
    distributed.init_parallel_env()
    return Ranks(distributed.get_rank(), distributed.get_world_size())

"""Several processes that train one net, as ``python -m paddle.distributed.launch`` starts them.

Shares of a batch may differ by a picture, and the losses are to be those of one process. So
``paddle.DataParallel``, which gives the mean of every process the same weight, and
``paddle.io.DistributedBatchSampler``, which repeats pictures until all shares are equal, are not
used: the loss is divided by the pictures of all processes, and the gradients are summed after the
backward pass, not during it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import paddle
from paddle import distributed


@dataclass(frozen=True)
class Ranks:
    """Which of the processes this is.

    Attributes:
        rank: From 0; 0 writes logs and files.
        count: Processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    @property
    def share(self) -> tuple[int, int]:
        """(rank, count), as batches take it."""
        return self.rank, self.count

    def all_reduce_sum(self, values: list[float]) -> list[float]:
        """The sums of numbers over all processes; all must call it."""
        if self.count == 1:
            return values
        tensor = paddle.to_tensor(values, "float64")
        distributed.all_reduce(tensor)
        return tensor.tolist()

    def all_reduce_(self, tensors: Iterable[paddle.Tensor]) -> None:
        """Make each tensor the sum of those of all processes; all must call it."""
        if self.count > 1:
            # All are under way before the first is waited for.
            for work in [distributed.all_reduce(t, sync_op=False) for t in tensors]:
                work.wait()

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in one of the processes; all must call it."""
        return self.all_reduce_sum([float(flag)])[0] > 0

    def barrier(self) -> None:
        """Return when all processes have come here."""
        self.all_reduce_sum([0.0])


ALONE = Ranks()


def join_ranks() -> Ranks:
    """Meet the other processes that the launcher started; :data:`ALONE` where it was not used.

    To be called once, after the device is chosen.
    """
    if int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) < 2:
        return ALONE
    distributed.init_parallel_env()
    return Ranks(distributed.get_rank(), distributed.get_world_size())

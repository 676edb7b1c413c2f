"""Training in the processes that ``python -m paddle.distributed.launch`` starts.

They share every batch or, with ``train.parallel: towers``, the net
(:mod:`paddle_alexnet.nets.towers`).

The parts of a batch may differ by one image, and the losses must equal those of one process. So
``paddle.DataParallel``, which gives the mean of every process the same weight, and
``paddle.io.DistributedBatchSampler``, which repeats images until all parts are equal, are not used:
the loss is divided by the number of images of all processes, and the gradients are summed after the
backward pass, not during it.
"""

import contextlib
import io
import logging
import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import paddle
from paddle import distributed

from paddle_alexnet.errors import ConfigError, PeerLost, RunError

log = logging.getLogger(__name__)

LAUNCHED = (
    *("PADDLE_TRAINERS_NUM", "PADDLE_TRAINER_ID"),
    *("PADDLE_TRAINER_ENDPOINTS", "PADDLE_CURRENT_ENDPOINT"),
)
PATIENCE = 20  # seconds until a process says that it waits for the others


@dataclass(frozen=True)
class Ranks:
    """The rank of this process, and reductions over all processes.

    Every process must call the methods in the same order.

    A method raises :class:`paddle_alexnet.errors.PeerLost` where another process is gone.

    Attributes:
        rank: From 0; rank 0 writes logs and files.
        count: Number of processes (the world size).
        parallel: What they share: ``data``, every batch, or ``towers``, the net.
    """

    rank: int = 0
    count: int = 1
    parallel: str = "data"

    def sharing(self, parallel: str) -> "Ranks":
        """These processes, with ``train.parallel``.

        Raises:
            ConfigError: There are not two for two towers.
        """
        if parallel == "towers" and self.count != 2:
            raise ConfigError(
                f"train.parallel: towers needs two processes, one for each tower, got {self.count}:"
                " python -m paddle.distributed.launch --nproc_per_node 2, and --backend gloo on a "
                "CPU; or train.parallel=data"
            )
        return replace(self, parallel=parallel)

    @property
    def data(self) -> "Ranks":
        """Those that share every batch."""
        return self if self.parallel == "data" else ALONE

    @property
    def towers(self) -> "Ranks":
        """Those that share the net."""
        return self if self.parallel == "towers" else ALONE

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
        with self._naming_lost_peers():
            distributed.all_reduce(tensor)
            return tensor.tolist()

    def all_reduce_(self, tensors: Iterable[paddle.Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.count > 1:
            with self._naming_lost_peers():
                # All are started before the first is waited for.
                for work in [distributed.all_reduce(t, sync_op=False) for t in tensors]:
                    work.wait()

    def exchange(self, tensor: paddle.Tensor) -> paddle.Tensor:
        """Give ``tensor`` to the other of two processes, and return its; shapes must be equal."""
        both = paddle.empty([2, *tensor.shape], tensor.dtype)
        with self._naming_lost_peers():
            # Not in a list: twice the time (gloo, measured). reduce_scatter it does not have.
            distributed.stream.all_gather(both, tensor.unsqueeze(0).contiguous())
        return both[1 - self.rank]

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process."""
        return self.all_reduce_sum([float(flag)])[0] > 0

    def barrier(self) -> None:
        """Wait until all processes have called this."""
        self.all_reduce_sum([0.0])

    @contextlib.contextmanager
    def _naming_lost_peers(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, OSError) as error:  # gloo's, and of the store where ranks meet
            if isinstance(error, MemoryError):
                raise
            named = re.search(r"pair_rank = (\d+)", str(error))
            others = [str(rank) for rank in range(self.count) if rank != self.rank]
            who = named[1] if named else " or ".join(others)
            raise PeerLost(
                f"rank {who} of {self.count} ended or cannot be reached (see its own messages), so "
                f"rank {self.rank} stops"
            ) from error


ALONE = Ranks()


def join_ranks() -> Ranks:
    """Join the processes that the launcher started; :data:`ALONE` without a launcher.

    To be called once, after the device is chosen.

    Raises:
        ConfigError: Its variables do not fit each other, as where some are left over in a shell.
        RunError: The processes do not meet.
    """
    found = {name: os.environ.get(name, "") for name in LAUNCHED}
    count, rank = found["PADDLE_TRAINERS_NUM"], found["PADDLE_TRAINER_ID"]
    if count in ("", "0", "1"):
        return ALONE
    ends = found["PADDLE_TRAINER_ENDPOINTS"].split(",")
    numbers = count.isdecimal() and rank.isdecimal() and int(rank) < int(count) == len(ends)
    if not numbers or ends[int(rank)] != found["PADDLE_CURRENT_ENDPOINT"]:
        shown = ", ".join(f"{name}={value!r:.100}" for name, value in found.items())
        raise ConfigError(
            f"{shown} do not fit each other: start all processes with python -m "
            f"paddle.distributed.launch, or train with one: unset {' '.join(LAUNCHED)}"
        )
    for name in ("MASTER_ADDR", "MASTER_PORT"):  # another launcher's; Paddle would prefer them
        os.environ.pop(name, None)
    text = "waiting for %s processes; if they were not launched: unset %s"
    waiting = threading.Timer(PATIENCE, log.warning, (text, count, " ".join(LAUNCHED)))
    waiting.daemon = True
    waiting.start()
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # three lines about flags
            distributed.init_parallel_env()
    except (RuntimeError, OSError, ValueError) as error:
        raise RunError(
            f"rank {rank} of {count} cannot meet the others: {str(error).strip()[-200:]!r}; start "
            f"all again, or train with one process: unset {' '.join(LAUNCHED)}"
        ) from error
    finally:
        waiting.cancel()
    return Ranks(distributed.get_rank(), distributed.get_world_size())

"""What can be measured, and with which settings. Loads neither Paddle nor torch."""

from dataclasses import dataclass
from pathlib import Path

KINDS = ("train", "infer", "lrn", "gemm", "data", "start", "memory")
READING = ("data", "start")  # pictures
COMPARED = ("train", "infer", "lrn", "data", "memory")  # with torch, where that is asked for


@dataclass(frozen=True)
class Settings:
    """What is measured, and how long.

    Attributes:
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        batch: Images, >= 1.
        rounds: Measured, >= 1.
        turn_seconds: Of kinds that are timed call by call:
            :func:`paddle_alexnet.benchmark.timing.interleave`.
        against_torch: Compare with torch, which has to be installed.
        as_published: Time AvgPool3D's norm as well.
        pictures: Folder of pictures to read; drawn flowers where it is ``None``.
        scratch: Empty folder for what is written on the way.
    """

    model: str
    batch: int
    rounds: int
    turn_seconds: float
    against_torch: bool
    as_published: bool
    pictures: Path | None
    scratch: Path

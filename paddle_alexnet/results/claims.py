"""A claim as data: arms, each a configuration with overrides, and comparisons of arms.

:mod:`paddle_alexnet.results.claim_runs` makes the runs of a claim,
:mod:`paddle_alexnet.results.verdicts` says what their values mean.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from paddle_alexnet.config.load import MAX_CONFIG, load_yaml, read_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.storage.files import parse_strict, read_text

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,50}$")]  # part of a folder's name
Seed = Annotated[int, Field(ge=0, lt=2**31)]


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        set: ``key=value`` over what all arms have.
        config: Configuration instead of the claim's, a path from the claim's file.
        views: Of each image that are classified and averaged.
        runs_of: Another arm, whose runs are measured otherwise; None for runs of its own.
    """

    set: list[str] = field(default_factory=list)
    config: str | None = None
    views: Literal[1, 10] = 1
    runs_of: Name | None = None


@dataclass(frozen=True)
class Comparison:
    """What is said to be better than what.

    Attributes:
        better: Arms, of which the best is taken, as of several learning rates: the best of those
            with the most seeds, so that one seed of each is enough to choose.
        than: As ``better``.
        paper: What the paper says, with its section.
        expected: Instead, what is expected here where the paper makes no such claim. Without
            either nothing is expected of a comparison, which then has no claim to agree with.

    Raises:
        ValueError: It has both of the last two.
    """

    better: Annotated[list[Name], Field(min_length=1)]
    than: Annotated[list[Name], Field(min_length=1)]
    paper: str | None = None
    expected: str | None = None

    def __post_init__(self) -> None:
        if self.paper is not None and self.expected is not None:
            raise ValueError("a comparison has paper or expected, not both")


@dataclass(frozen=True)
class Claim:
    """The content of a file in ``configs/claims/``.

    Attributes:
        title: What it is about.
        config: Configuration of all arms, a path from the claim's file.
        arms: By name.
        comparisons: Of arms.
        seeds: ``train.seed`` of the runs of each arm.
        set: ``key=value`` over the configuration of all arms, as ``-o``.
        metric: ``top1``: fraction of right images after the last epoch, by the weights that
            validation sees. ``epochs``: until the error of an epoch's training images is at most
            ``error``, where a run ends; ``train.epochs`` where it never is.
        split: Images for ``top1``.
        error: For ``epochs``.

    Raises:
        ValueError: A comparison or ``runs_of`` names no arm, an arm has ``runs_of`` and settings of
            its own, or ``set`` has the seed or the directory of a run.
    """

    title: str
    config: str
    arms: Annotated[dict[Name, Arm], Field(min_length=2)]
    comparisons: Annotated[list[Comparison], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    set: list[str] = field(default_factory=list)
    metric: Literal["top1", "epochs"] = "top1"
    split: Literal["val", "test"] = "val"
    error: Annotated[float, Field(gt=0, lt=1)] = 0.25

    def __post_init__(self) -> None:
        own = [name for name, arm in self.arms.items() if arm.runs_of is None]
        unknown = {arm.runs_of for arm in self.arms.values()} - {None, *own}
        for comparison in self.comparisons:
            unknown |= {*comparison.better, *comparison.than} - self.arms.keys()
        if unknown:
            raise ValueError(f"no arm of this name has runs: {', '.join(sorted(unknown))}")
        for text in [*self.set, *(text for arm in self.arms.values() for text in arm.set)]:
            if text.partition("=")[0] in ("train.seed", "run.dir"):
                raise ValueError(f"set: {text} is decided by seeds and by the folder of runs")
        ignored = [n for n, arm in self.arms.items() if arm.runs_of and (arm.set or arm.config)]
        if ignored:
            raise ValueError(f"an arm with runs_of has no runs to set keys for: {ignored[0]}")

    def runs_of(self, name: str) -> str:
        """The arm whose runs the arm ``name`` measures."""
        return self.arms[name].runs_of or name

    def epochs_needed(self, rows: Sequence[Mapping[str, float]]) -> int | None:
        """The first epoch whose training error is at most ``error``; None if there is none."""
        found = (row["epoch"] for row in rows if 1 - row["train/top1"] <= self.error)
        return next(found, None) if self.metric == "epochs" else None


def read_claim(path: str | Path) -> Claim:
    """Read a claim's file.

    Raises:
        ConfigError: It cannot be read, or is not a claim.
    """
    try:
        return parse_strict(Claim, json.dumps(load_yaml(read_text(path, MAX_CONFIG))))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} is not a claim: {reason}") from error


def arm_config(
    claim: Claim, path: str | Path, name: str, seed: int, overrides: Sequence[str] = ()
) -> Config:
    """The configuration of a run.

    Args:
        claim: The claim.
        path: Its file.
        name: Of the arm.
        seed: One of the claim's.
        overrides: ``key=value`` for all arms.

    Raises:
        ConfigError: As :func:`paddle_alexnet.config.load.read_config`.
    """
    arm = claim.arms[claim.runs_of(name)]
    keys = [*claim.set, *arm.set, *overrides, f"train.seed={seed}"]
    return read_config(Path(path).parent / (arm.config or claim.config), keys)

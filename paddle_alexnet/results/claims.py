"""A claim as data, and what the values of its runs say about it.

A claim names arms, each a configuration with overrides, and comparisons of arms. Nothing here
trains or loads Paddle: :mod:`paddle_alexnet.results.claim_runs` does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from paddle_alexnet.config.load import MAX_CONFIG, load_yaml, read_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.results.comparison import Difference, Spread, common_seeds, difference, spread
from paddle_alexnet.storage.files import parse_strict, read_text

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,50}$")]  # part of a folder's name
Seed = Annotated[int, Field(ge=0, lt=2**31)]
ROUNDING = 1e-9  # of a float64 difference of fractions
UNITS = {"top1": (100, "points of top-1"), "epochs": (1, "epochs")}  # factor and unit by metric
AGREES, DISAGREES, CANNOT_TELL, NOT_RUN = "agrees", "disagrees", "cannot tell", "not run yet"


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
    """

    better: Annotated[list[Name], Field(min_length=1)]
    than: Annotated[list[Name], Field(min_length=1)]
    paper: str


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
        ValueError: A comparison or ``runs_of`` names no arm, or an arm has ``runs_of`` and settings
            of its own.
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


@dataclass(frozen=True)
class Verdict:
    """What the runs say about a comparison.

    Attributes:
        comparison: The comparison.
        better: The arm that was taken of those said to be better; so ``than``. None: not run.
        than: The other one.
        difference: ``better`` minus ``than``, of the seeds that both have if there are any; None
            where one of them was not run.
        verdict: :data:`AGREES` where the interval lies wholly on the claim's side of 0,
            :data:`DISAGREES` wholly on the other, else :data:`CANNOT_TELL`.
        smallest: Half of the interval: a smaller difference these runs could not have shown; None
            where there is no spread: of one seed, or of two that differ by the same number.
        missing: Arms that were not run, of those the best is taken of.
    """

    comparison: Comparison
    better: str | None = None
    than: str | None = None
    difference: Difference | None = None
    verdict: str = NOT_RUN
    smallest: float | None = None
    missing: tuple[str, ...] = ()


Values = Mapping[str, Mapping[int, float]]  # by arm and seed


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


def judge(claim: Claim, values: Values) -> list[Verdict]:
    """Compare what was measured; an arm or a seed may be missing."""
    return [_judge(claim, comparison, values) for comparison in claim.comparisons]


def _judge(claim: Claim, comparison: Comparison, values: Values) -> Verdict:
    sides = comparison.better, comparison.than
    made = [[name for name in side if values.get(name)] for side in sides]
    missing = tuple(name for side in sides for name in side if not values.get(name))
    if not all(made):
        return Verdict(comparison, missing=missing)
    sign = 1 if claim.metric == "top1" else -1  # more is better, or fewer

    def goodness(name: str) -> tuple[int, float]:
        of = spread(list(values[name].values()))
        return of.count, sign * of.mean

    better, than = (max(arms, key=goodness) for arms in made)
    gap = difference(values[than], values[better])
    verdict, half = CANNOT_TELL, None
    # Two pairs that differ by the same number of images have an interval of no width, by accident.
    accident = gap.low is not None and gap.count == 2 and gap.high - gap.low < ROUNDING
    if gap.low is not None and not accident:
        ends, half = (sign * gap.low, sign * gap.high), (gap.high - gap.low) / 2
        verdict = AGREES if min(ends) > 0 else DISAGREES if max(ends) < 0 else CANNOT_TELL
    return Verdict(comparison, better, than, gap, verdict, half, missing)


def spreads(values: Values) -> dict[str, Spread]:
    """Mean and deviation of each arm that was run."""
    return {name: spread(list(of.values())) for name, of in values.items() if of}


def describe(
    claim: Claim,
    values: Values,
    unfinished: Mapping[str, Sequence[int]],
    made_with: Mapping[str, Sequence[str]],
) -> str:
    """Tables for the terminal and for docs/claims.md.

    Args:
        claim: The claim.
        values: By arm and seed.
        unfinished: With the metric ``epochs``: seeds of each arm that never came so far.
        made_with: Commit and processor -> names of runs.
    """
    factor, unit = UNITS[claim.metric]

    def number(value: float, sign: str = "") -> str:
        digits = 2 if factor > 1 else 1
        return f"{round(factor * value, digits) + 0.0:{sign}.{digits}f}"  # not -0.00

    lines = [claim.title, f"{'arm':<24} seeds  mean ± standard deviation, {unit}"]
    for name, of in spreads(values).items():
        text = number(of.mean) + ("" if of.std is None else f" ± {number(of.std)}")
        late = unfinished.get(name)
        more = f"; not reached with the seeds {', '.join(map(str, late))}" if late else ""
        lines.append(f"{name:<24} {of.count:>5}  {text}{more}")
    for row in judge(claim, values):
        lines += ["", f"paper: {row.comparison.paper}"]
        if row.missing:
            lines.append(f"{NOT_RUN}: {', '.join(row.missing)}")
        if row.difference is None:
            continue
        gap = row.difference
        lines.append(f"{row.better} minus {row.than}: {number(gap.mean, '+')} {unit}")
        if claim.metric == "epochs":  # the paper gives the factor
            sides = common_seeds(values[row.better], values[row.than])
            better, than = (spread(list(of.values())).mean for of in sides)
            lines.append(f"{row.than} takes {than / better:.1f} times as many epochs")
        if row.smallest is None:
            why = "one pair" if gap.count == 1 and gap.paired else "these seeds show no spread"
            lines.append(f"verdict: {row.verdict}: {why}")
            continue
        low, high = number(gap.low, "+"), number(gap.high, "+")
        how = f"{gap.count} pairs of the same seed" if gap.paired else "unpaired (Welch)"
        lines += [
            f"95 % interval {low} to {high}, {how}",
            f"verdict: {row.verdict}; these runs could show differences from "
            f"{number(row.smallest)} on",
        ]
    for how, names in made_with.items():
        which = f": {', '.join(names)}" if len(made_with) > 1 else ""
        lines += ["", f"{len(names)} runs of {how}{which}"]
    return "\n".join(lines)


def as_json(
    claim: Claim,
    values: Values,
    unfinished: Mapping[str, Sequence[int]],
    made_with: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """All figures as plain values; arguments as :func:`describe`."""
    return {
        "title": claim.title,
        "metric": claim.metric,
        "arms": {
            name: {**vars(of), "values": values[name], "not_reached": [*unfinished.get(name, ())]}
            for name, of in spreads(values).items()
        },
        "comparisons": [
            {
                "paper": row.comparison.paper,
                "better": row.better,
                "than": row.than,
                "difference": row.difference and vars(row.difference),
                "verdict": row.verdict,
                "smallest": row.smallest,
                "missing": [*row.missing],
            }
            for row in judge(claim, values)
        ],
        "made_with": made_with,
    }

"""Compare runs over seeds: means with their spread, differences with confidence intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95  # of the confidence intervals


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds.

    Attributes:
        mean: Of the values.
        std: Of a sample (n - 1); None for a single value.
        count: Values, >= 1.
    """

    mean: float
    std: float | None
    count: int


@dataclass(frozen=True)
class Difference:
    """A mean difference between two groups of runs.

    Attributes:
        mean: Of the second minus of the first.
        low: Lower end of the 95 % interval by Student's t; None where too few runs leave none.
        high: Upper end.
        paired: Whether runs of the same seed were compared with each other.
        count: Pairs, or the runs of the smaller group.
    """

    mean: float
    low: float | None
    high: float | None
    paired: bool
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of at least one value."""
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), std, len(values))


def common_seeds(
    first: Mapping[int, float], second: Mapping[int, float]
) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """The values of the seeds that both groups have, if at least two; else all of them.

    A seed may choose the images, so that means over other seeds are of other images. One common
    seed gives no interval, and counts only where a group has no more than one.
    """
    common = sorted(first.keys() & second.keys())
    if not common or len(common) == 1 < min(len(first), len(second)):
        return first, second
    return {s: first[s] for s in common}, {s: second[s] for s in common}


def difference(
    first: Mapping[int, float], second: Mapping[int, float], val_rate: float = 0.0
) -> Difference:
    """Compare two groups: ``second`` minus ``first``.

    Pairs of the same seed, of :func:`common_seeds`; where it finds too few, all values with Welch's
    interval for groups of unequal variance (Welch 1947).

    Where each seed draws its val images anew from the same images, the training sets of two seeds
    share most images, and n runs tell less than n independent ones: a variance is then divided not
    by n but multiplied by 1 / n + val_rate / (1 - val_rate) (Nadeau and Bengio, "Inference for the
    Generalization Error", 2003, section 3).

    Args:
        first: The value of each seed; at least one.
        second: As ``first``.
        val_rate: Share of the images that each seed draws as val, in [0, 1); 0 where all seeds
            have the same.
    """
    overlap = val_rate / (1 - val_rate)
    first, second = common_seeds(first, second)
    paired = first.keys() == second.keys()
    if paired:
        gaps = np.array([second[seed] - first[seed] for seed in first])
        mean, count, degrees = float(gaps.mean()), len(gaps), len(gaps) - 1
        error = float(gaps.std(ddof=1)) * math.sqrt(1 / count + overlap) if count > 1 else None
    else:
        groups = [np.array(list(group.values())) for group in (first, second)]
        mean = float(groups[1].mean() - groups[0].mean())
        count = min(map(len, groups))
        error, degrees = _welch(groups, overlap) if count > 1 else (None, 0)
    if error is None:
        return Difference(mean, None, None, paired, count)
    half = float(stats.t.ppf((1 + LEVEL) / 2, degrees)) * error
    return Difference(mean, mean - half, mean + half, paired, count)


def _welch(groups: Sequence[np.ndarray], overlap: float) -> tuple[float, float]:
    """Standard error and degrees of freedom, by Welch and Satterthwaite."""
    parts = [group.var(ddof=1) * (1 / len(group) + overlap) for group in groups]
    below = sum(p**2 / (len(group) - 1) for p, group in zip(parts, groups, strict=True))
    # Without any variance the degrees do not matter: the interval is a point.
    degrees = sum(parts) ** 2 / below if below else 1.0
    return math.sqrt(sum(parts)), float(degrees)

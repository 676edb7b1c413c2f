"""What the values of a claim's runs say about it: verdicts, the table and the JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from paddle_alexnet.results.claims import Claim, Comparison
from paddle_alexnet.results.comparison import Difference, common_seeds, difference, spread

ROUNDING = 1e-9  # of a float64 difference of fractions
UNITS = {"top1": (100, "points of top-1"), "epochs": (1, "epochs")}  # factor and unit by metric
AGREES, DISAGREES, CANNOT_TELL = "agrees", "disagrees", "cannot tell"
NOT_RUN, DIVERGED = "not run yet", "diverged"
SIGN_TEST_PAIRS = 6  # fewest of which one sign in all is significant: 2 / 2 ** 6 < 5 %

Values = Mapping[str, Mapping[int, float]]  # by arm and seed


@dataclass(frozen=True)
class Outcome:
    """What the runs of a claim came to.

    Attributes:
        values: The claim's metric of the finished runs, by arm and seed.
        not_reached: With the metric ``epochs``: seeds of each arm that never came to the error.
        diverged: Seeds of each arm whose run ended by a loss or gradient that was not finite.
        made_with: Commit and processor -> names of runs.
        redrawn: Share of the images that each seed drew as val; 0 where no seed decides that.
    """

    values: Values
    not_reached: Mapping[str, Sequence[int]] = field(default_factory=dict)
    diverged: Mapping[str, Sequence[int]] = field(default_factory=dict)
    made_with: Mapping[str, Sequence[str]] = field(default_factory=dict)
    redrawn: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What the runs say about a comparison.

    Attributes:
        comparison: The comparison.
        better: The arm that was taken of those said to be better; so ``than``. None: not run.
        than: The other one.
        difference: ``better`` minus ``than``, of the seeds that
            :func:`paddle_alexnet.results.comparison.common_seeds` takes; None where one of them was
            not run.
        verdict: :data:`AGREES` where the interval lies wholly on the claim's side of 0,
            :data:`DISAGREES` wholly on the other, else :data:`CANNOT_TELL`. Without a difference
            :data:`NOT_RUN`, or :data:`DIVERGED` where no other run is missing.
        smallest: Half of the interval: a smaller difference these runs could not have shown; None
            where there is no interval, or one of no width.
        censored: Whether a run that was compared never came to the error. The epochs that it needs
            are then not known, only that they are more, and there is no interval: the verdict is by
            a sign test, which needs :data:`SIGN_TEST_PAIRS` pairs that all have one sign.
        missing: Arms without a finished run, of those the best is taken of.
    """

    comparison: Comparison
    better: str | None = None
    than: str | None = None
    difference: Difference | None = None
    verdict: str = NOT_RUN
    smallest: float | None = None
    censored: bool = False
    missing: tuple[str, ...] = ()


def judge(claim: Claim, outcome: Outcome) -> list[Verdict]:
    """Compare what was measured; an arm or a seed may be missing."""
    return [_judge(claim, comparison, outcome) for comparison in claim.comparisons]


def _judge(claim: Claim, comparison: Comparison, outcome: Outcome) -> Verdict:
    sides, values = (comparison.better, comparison.than), outcome.values
    made = [[name for name in side if values.get(name)] for side in sides]
    missing = tuple(name for side in sides for name in side if not values.get(name))
    if not all(made):
        diverged = all(outcome.diverged.get(name) for name in missing)
        return Verdict(comparison, verdict=DIVERGED if diverged else NOT_RUN, missing=missing)
    sign = 1 if claim.metric == "top1" else -1  # more is better, or fewer

    def goodness(name: str) -> tuple[int, float]:
        of = spread(list(values[name].values()))
        return of.count, sign * of.mean

    better, than = (max(arms, key=goodness) for arms in made)
    gap = difference(values[than], values[better], outcome.redrawn)
    censored = bool(_late(outcome, better, than) or _late(outcome, than, better))
    ends, half = [0.0], None
    if censored:
        gap = replace(gap, low=None, high=None)
    if censored and gap.paired and gap.count >= SIGN_TEST_PAIRS:
        first, second = common_seeds(values[better], values[than])
        ends = [first[seed] - second[seed] for seed in first]
    # Gaps of few images or epochs may all be equal by accident: an interval of no width.
    elif gap.low is not None and gap.high - gap.low > ROUNDING:
        ends, half = [gap.low, gap.high], (gap.high - gap.low) / 2
    ends = [sign * end for end in ends]
    verdict = AGREES if min(ends) > 0 else DISAGREES if max(ends) < 0 else CANNOT_TELL
    return Verdict(comparison, better, than, gap, verdict, half, censored, missing)


def _late(outcome: Outcome, name: str, other: str) -> list[int]:
    """Seeds of ``name`` that never came to the error, of those that are compared with ``other``."""
    compared, _ = common_seeds(outcome.values[name], outcome.values[other])
    return [seed for seed in outcome.not_reached.get(name, ()) if seed in compared]


def describe(claim: Claim, outcome: Outcome) -> str:
    """Tables for the terminal and for docs/claims.md."""
    lines = [claim.title, f"{'arm':<24} seeds  mean ± standard deviation, {UNITS[claim.metric][1]}"]
    for name in claim.arms:
        lines += _arm_line(claim, outcome, name)
    for row in judge(claim, outcome):
        lines += ["", *_verdict_lines(claim, outcome, row)]
    for how, names in outcome.made_with.items():
        which = f": {', '.join(names)}" if len(outcome.made_with) > 1 else ""
        lines += ["", f"{len(names)} runs of {how}{which}"]
    return "\n".join(lines)


def _number(claim: Claim, value: float, sign: str = "") -> str:
    factor = UNITS[claim.metric][0]
    digits = 2 if factor > 1 else 1
    return f"{round(factor * value, digits) + 0.0:{sign}.{digits}f}"  # not -0.00


def _arm_line(claim: Claim, outcome: Outcome, name: str) -> list[str]:
    values = outcome.values.get(name, {})
    late, diverged = outcome.not_reached.get(name), outcome.diverged.get(name)
    texts = []
    if values:
        of = spread(list(values.values()))
        deviation = "" if of.std is None else f" ± {_number(claim, of.std)}"
        texts.append(f"{'at least ' if late else ''}{_number(claim, of.mean)}{deviation}")
    if late:
        most = max(values[seed] for seed in late)
        texts.append(f"> {most:.0f} with the seeds {', '.join(map(str, late))}")
    if diverged:
        texts.append(f"diverged with the seeds {', '.join(map(str, diverged))}")
    return [f"{name:<24} {len(values):>5}  {'; '.join(texts)}"] if texts else []


def _verdict_lines(claim: Claim, outcome: Outcome, row: Verdict) -> list[str]:
    said, gap = row.comparison, row.difference
    lines = [f"paper: {said.paper}"] if said.paper else []
    lines += [f"expected: {said.expected}"] if said.expected else []
    for name in (*said.better, *said.than):
        if seeds := outcome.diverged.get(name):
            lines.append(f"{DIVERGED}: {name} with the seeds {', '.join(map(str, seeds))}")
    not_run = [name for name in row.missing if not outcome.diverged.get(name)]
    if not_run:
        lines.append(f"{NOT_RUN}: {', '.join(not_run)}")
    if gap is None:
        return lines
    unit = UNITS[claim.metric][1]
    lines.append(f"{row.better} minus {row.than}: {_number(claim, gap.mean, '+')} {unit}")
    if claim.metric == "epochs":
        lines += _factor_lines(claim, outcome, row)
    verdict = f"verdict: {row.verdict}"
    if not (said.paper or said.expected):
        words = {AGREES: f"{row.better} is better", DISAGREES: f"{row.than} is better"}
        verdict = words.get(row.verdict, row.verdict)
    if row.smallest is None:
        return [*lines, f"{verdict}: {_why_no_interval(row)}"]
    low, high = _number(claim, gap.low, "+"), _number(claim, gap.high, "+")
    how = f"{gap.count} pairs of the same seed" if gap.paired else "unpaired (Welch)"
    how += ", widened for training sets that overlap" if outcome.redrawn else ""
    return [
        *lines,
        f"95 % interval {low} to {high}, {how}",
        f"{verdict}; these runs could show differences from {_number(claim, row.smallest)} on",
    ]


def _why_no_interval(row: Verdict) -> str:
    gap = row.difference
    if row.censored:
        pairs = gap.count if gap.paired else 0
        if pairs < SIGN_TEST_PAIRS:
            return (
                f"runs were too short, and a sign test needs {SIGN_TEST_PAIRS} pairs, not {pairs}"
            )
        return f"by the signs of {pairs} pairs, as runs were too short for an interval"
    if gap.low is None:
        return "one pair" if gap.paired else "an arm has one run only"
    return "all differences are equal"


def _factor_lines(claim: Claim, outcome: Outcome, row: Verdict) -> list[str]:
    """The paper gives its figure 1 as a factor."""
    sides = common_seeds(outcome.values[row.better], outcome.values[row.than])
    better, than = (spread(list(of.values())).mean for of in sides)
    if _late(outcome, row.better, row.than):
        return [f"no factor: {row.better} did not come to {claim.error:.0%} error with all seeds"]
    if _late(outcome, row.than, row.better):
        at_least = f"{row.than} takes at least {than / better:.1f} times as many epochs"
        return [at_least, "a run that did not come so far counts with the epochs that it had"]
    return [f"{row.than} takes {than / better:.1f} times as many epochs"]


def as_json(claim: Claim, outcome: Outcome) -> dict[str, Any]:
    """All figures as plain values."""
    return {
        "title": claim.title,
        "metric": claim.metric,
        "arms": {
            name: {
                **vars(spread(list(values.values()))),
                "values": values,
                "not_reached": [*outcome.not_reached.get(name, ())],
            }
            for name, values in outcome.values.items()
            if values
        },
        "diverged": {name: [*seeds] for name, seeds in outcome.diverged.items() if seeds},
        "comparisons": [
            {
                "paper": row.comparison.paper,
                "expected": row.comparison.expected,
                "better": row.better,
                "than": row.than,
                "difference": row.difference and vars(row.difference),
                "verdict": row.verdict,
                "smallest": row.smallest,
                "censored": row.censored,
                "missing": [*row.missing],
            }
            for row in judge(claim, outcome)
        ],
        "made_with": outcome.made_with,
        "redrawn": outcome.redrawn,
    }

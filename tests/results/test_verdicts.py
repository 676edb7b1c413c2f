"""Verdicts by hand values, and the results that the pages show."""

import json
import re
from pathlib import Path

import pytest

from paddle_alexnet.results.claims import read_claim
from paddle_alexnet.results.verdicts import (
    AGREES,
    CANNOT_TELL,
    DISAGREES,
    DIVERGED,
    NOT_RUN,
    Outcome,
    as_json,
    describe,
    judge,
)
from tests.claim_file import write_claim

DOCS = Path(__file__).parents[2] / "docs"
MADE = {"1234, EPYC": ["a-0", "a-1"], "5678, EPYC": ["b-0", "b-1"]}


def verdict(claim, a, b):
    (row,) = judge(claim, Outcome({"a": dict(enumerate(a)), "b": dict(enumerate(b))}))
    return row


# Student's t for 2 degrees of freedom at 97.5 %: 4.302653.
@pytest.mark.parametrize(
    ("gaps", "mean", "half", "expected"),
    [
        ((0.01, 0.02, 0.03), 0.02, 4.302653 * 0.01 / 3**0.5, CANNOT_TELL),
        ((0.02, 0.02, 0.03), 0.07 / 3, 4.302653 * 0.01 / 3, AGREES),
        ((-0.02, -0.02, -0.03), -0.07 / 3, 4.302653 * 0.01 / 3, DISAGREES),
    ],
)
def test_verdicts(tmp_path, gaps, mean, half, expected):
    row = verdict(write_claim(tmp_path), [0.5 + gap for gap in gaps], [0.5, 0.5, 0.5])
    assert row.difference.mean == pytest.approx(mean)
    assert row.smallest == pytest.approx(half, abs=1e-7)
    assert row.verdict == expected


@pytest.mark.parametrize("gap", [0.0, 0.25])
def test_gaps_that_are_all_equal_are_no_spread(tmp_path, gap):
    row = verdict(write_claim(tmp_path), [0.5 + gap] * 3, [0.5] * 3)
    assert (row.verdict, row.smallest) == (CANNOT_TELL, None)
    assert row.difference.mean == gap


def test_seeds_that_draw_their_val_images_widen_the_interval(tmp_path):
    values = {"a": {0: 0.52, 1: 0.52, 2: 0.53}, "b": {0: 0.5, 1: 0.5, 2: 0.5}}
    outcome = Outcome(values, redrawn=0.1)
    (row,) = judge(write_claim(tmp_path), outcome)
    # Nadeau and Bengio: 1 / 3 + 1 / 9 in place of 1 / 3.
    assert row.smallest == pytest.approx(4.302653 * (0.01 / 3**0.5) * (1 / 3 + 1 / 9) ** 0.5)
    assert "overlap" in describe(write_claim(tmp_path), outcome)


def test_of_epochs_fewer_are_better(tmp_path):
    few, many = [5, 6, 5], [30, 32, 31]
    assert verdict(write_claim(tmp_path, metric="epochs"), few, many).verdict == AGREES
    assert verdict(write_claim(tmp_path, metric="epochs"), many, few).verdict == DISAGREES


def test_one_seed_cannot_tell_and_none_is_not_run(tmp_path):
    row = verdict(write_claim(tmp_path), [0.9], [0.1])
    assert (row.verdict, row.smallest) == (CANNOT_TELL, None)
    row = verdict(write_claim(tmp_path), [0.6, 0.5], [0.4, 0.3])  # 0.6 - 0.4 < 0.5 - 0.3 in float64
    assert (row.verdict, row.smallest) == (CANNOT_TELL, None)
    row = verdict(write_claim(tmp_path), [0.9], [])
    assert (row.verdict, row.difference) == (NOT_RUN, None)


def test_arms_are_compared_by_the_seeds_that_both_have(tmp_path):
    values = {"a": {0: 0.5, 1: 0.7, 2: 0.9}, "b": {1: 0.6, 2: 0.7}}
    (row,) = judge(write_claim(tmp_path), Outcome(values))
    # Gaps 0.1 and 0.2; of all seeds the means would differ by 0.05.
    assert row.difference.mean == pytest.approx(0.15)
    assert (row.difference.paired, row.difference.count) == (True, 2)
    (row,) = judge(write_claim(tmp_path), Outcome({"a": {0: 0.5, 1: 0.7}, "b": {2: 0.6, 3: 0.5}}))
    assert row.difference.mean == pytest.approx(0.05)
    assert not row.difference.paired


@pytest.mark.parametrize(("metric", "best"), [("top1", "a"), ("epochs", "c")])
def test_of_several_arms_the_best_is_taken(tmp_path, metric, best):
    comparisons = [{"better": ["a", "c"], "than": ["b"], "paper": "p"}]
    several = write_claim(tmp_path, metric=metric, comparisons=comparisons)
    (row,) = judge(several, Outcome({"a": {0: 9, 1: 8}, "b": {0: 5, 1: 5}, "c": {0: 4, 1: 3}}))
    assert (row.better, row.than) == (best, "b")
    (row,) = judge(several, Outcome({"a": {0: 9, 1: 8}, "b": {0: 5, 1: 5}}))
    assert (row.better, row.missing) == ("a", ("c",))
    (row,) = judge(several, Outcome({"b": {0: 5, 1: 5}}))
    assert (row.verdict, row.missing) == (NOT_RUN, ("a", "c"))


def test_the_best_is_taken_of_those_with_the_most_seeds(tmp_path):
    comparisons = [{"better": ["a", "c"], "than": ["b"], "paper": "p"}]
    several = write_claim(tmp_path, comparisons=comparisons)
    # c was best with the one seed that chose; only a has gone on.
    (row,) = judge(several, Outcome({"a": {0: 0.7, 1: 0.6}, "b": {0: 0.5, 1: 0.5}, "c": {0: 0.65}}))
    assert (row.better, row.difference.count) == ("a", 2)
    assert row.difference.mean == pytest.approx(0.15)


def test_tables_and_json(tmp_path):
    outcome = Outcome({"a": {0: 0.5, 1: 0.6}, "b": {0: 0.4, 1: 0.4}}, made_with=MADE)
    text = describe(write_claim(tmp_path), outcome)
    # Mean 0.55, deviation 0.1 / sqrt 2; gaps 0.1 and 0.2 with t = 12.7062: 0.15 ± 0.63531.
    for words in ("55.00 ± 7.07", "+15.00", "-48.53 to +78.53", CANNOT_TELL, "from 63.53 on"):
        assert words in text
    assert "2 runs of 1234, EPYC: a-0, a-1" in text
    assert "overlap" not in text
    content = as_json(write_claim(tmp_path), outcome)
    assert content["comparisons"][0]["verdict"] == CANNOT_TELL
    assert content["arms"]["a"]["values"] == {0: 0.5, 1: 0.6}
    for value in (0.1 + 0.2, 0.3 - 1e-16):
        same = describe(write_claim(tmp_path), Outcome({"a": {0: value}, "b": {0: 0.3}}))
        assert "a minus b: +0.00" in same


def test_what_the_paper_says_and_what_is_expected_are_told_apart(tmp_path):
    assert "paper: p" in describe(write_claim(tmp_path), Outcome({}))
    comparisons = [{"better": ["a"], "than": ["b"], "expected": "q"}]
    text = describe(write_claim(tmp_path, comparisons=comparisons), Outcome({}))
    assert "expected: q" in text
    assert "paper" not in text


def test_epochs_and_their_factor(tmp_path):
    claim = write_claim(tmp_path, metric="epochs")
    epochs = {"a": {0: 4, 1: 6}, "b": {0: 30, 1: 30}}
    assert "b takes 6.0 times" in describe(claim, Outcome(epochs))
    epochs["b"] = {1: 30}  # of the seed that both have: 30 / 6
    assert "b takes 5.0 times" in describe(claim, Outcome(epochs))


def test_epochs_that_were_not_enough_are_a_lower_bound(tmp_path):
    claim = write_claim(tmp_path, metric="epochs")
    outcome = Outcome({"a": {0: 4, 1: 6}, "b": {0: 40, 1: 39}}, not_reached={"b": [0]})
    text = describe(claim, outcome)
    for words in ("at least 39.5", "> 40 with the seeds 0", "b takes at least 7.9 times"):
        assert words in text
    assert "interval -" not in text
    (row,) = judge(claim, outcome)
    assert (row.verdict, row.smallest, row.censored) == (CANNOT_TELL, None, True)
    assert (row.difference.low, row.difference.high) == (None, None)


@pytest.mark.parametrize(
    ("a", "b", "late", "expected"),
    [
        # Two-sided, six signs that are equal have p = 0.031, and five 0.063.
        ((5,) * 6, (40,) * 6, {"b": [0, 1, 2]}, AGREES),
        ((5,) * 5, (40,) * 5, {"b": [0, 1, 2]}, CANNOT_TELL),
        ((40,) * 6, (9,) * 6, {"a": [0, 1]}, DISAGREES),
        ((40, *(6,) * 6), (40, *(9,) * 6), {"a": [0], "b": [0]}, CANNOT_TELL),
        ((40, *(6,) * 6), (9,) * 7, {"a": [0]}, CANNOT_TELL),
        ((5,), (40,), {"b": [0]}, CANNOT_TELL),
    ],
)
def test_where_runs_were_too_short_the_sign_decides(tmp_path, a, b, late, expected):
    claim = write_claim(tmp_path, metric="epochs")
    outcome = Outcome({"a": dict(enumerate(a)), "b": dict(enumerate(b))}, not_reached=late)
    assert judge(claim, outcome)[0].verdict == expected
    assert ("no factor: a" in describe(claim, outcome)) == ("a" in late)


def test_runs_that_were_too_short_need_pairs(tmp_path):
    claim = write_claim(tmp_path, metric="epochs")
    values = {"a": dict.fromkeys(range(7), 5), "b": dict.fromkeys(range(10, 17), 40)}
    outcome = Outcome(values, not_reached={"b": [10, 11]})
    assert judge(claim, outcome)[0].verdict == CANNOT_TELL
    assert "a sign test needs 6 pairs, not 0" in describe(claim, outcome)


def test_a_run_that_was_too_short_counts_where_it_is_compared(tmp_path):
    claim = write_claim(tmp_path, metric="epochs")
    outcome = Outcome({"a": {0: 5, 1: 40}, "b": {0: 20}}, not_reached={"a": [1]})
    assert "b takes 4.0 times" in describe(claim, outcome)


def test_what_diverged_is_not_what_was_not_run(tmp_path):
    claim, values = write_claim(tmp_path), {"a": {0: 0.5, 1: 0.6}, "b": {}}
    outcome = Outcome(values, diverged={"a": [], "b": [0, 1]})
    text = describe(claim, outcome)
    assert "diverged with the seeds 0, 1" in text
    assert "diverged: b with the seeds 0, 1" in text
    assert NOT_RUN not in text
    content = as_json(claim, outcome)
    assert content["diverged"] == {"b": [0, 1]}
    assert content["comparisons"][0]["verdict"] == DIVERGED
    assert NOT_RUN in describe(claim, Outcome({"a": {0: 0.5}}))
    some = Outcome({"a": {0: 0.5, 1: 0.6}, "b": {1: 0.5}}, diverged={"b": [0]})
    assert "diverged: b with the seeds 0" in describe(claim, some)


def test_why_there_is_no_interval(tmp_path):
    for a, b, why in (
        ({0: 0.5}, {0: 0.4}, "one pair"),
        ({0: 0.5}, {5: 0.4, 6: 0.3}, "an arm has one run only"),
        ({0: 0.5, 1: 0.5}, {0: 0.25, 1: 0.25}, "all differences are equal"),
    ):
        assert f"verdict: {CANNOT_TELL}: {why}" in describe(
            write_claim(tmp_path), Outcome({"a": a, "b": b})
        )


def test_of_a_comparison_without_an_expectation_the_better_one_is_named(tmp_path):
    claim = write_claim(tmp_path, comparisons=[{"better": ["a"], "than": ["b"]}])
    high, low = {0: 0.9, 1: 0.91, 2: 0.9}, {0: 0.1, 1: 0.1, 2: 0.1}
    assert "a is better" in describe(claim, Outcome({"a": high, "b": low}))
    text = describe(claim, Outcome({"a": low, "b": high}))
    assert "b is better" in text
    assert "verdict" not in text


@pytest.mark.parametrize("page", ["claims.md", "claims_cn.md"])
def test_the_pages_show_what_the_results_say(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    results = sorted((DOCS / "claims").glob("*.json"))
    assert results
    for path in results:
        content = json.loads(path.read_text())
        values = {
            name: {int(seed): value for seed, value in arm["values"].items()}
            for name, arm in content["arms"].items()
        }
        late = {name: arm["not_reached"] for name, arm in content["arms"].items()}
        outcome = Outcome(
            values, late, content["diverged"], content["made_with"], content["redrawn"]
        )
        shipped = read_claim(DOCS.parent / "configs" / "claims" / f"{path.stem}.yml")
        assert f"```text\n{describe(shipped, outcome)}\n```" in text, path.stem
        # The table's last column says how far it is.
        seeds = min(len(values.get(arm, {})) for arm in shipped.arms)
        assert re.search(rf"\(#{path.stem}\).*\b{seeds}/{len(shipped.seeds)}\b", text), path.stem

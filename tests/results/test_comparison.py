"""Intervals against scipy's own tests and values by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from paddle_alexnet.results.comparison import Difference, difference, spread

A = {0: 0.80, 1: 0.84, 2: 0.82}
B = {0: 0.83, 1: 0.85, 2: 0.86}


def test_mean_and_standard_deviation_of_a_sample():
    got = spread([1.0, 2.0, 4.0])
    assert (got.mean, got.count) == (pytest.approx(7 / 3), 3)
    assert got.std == pytest.approx(math.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2))
    assert spread([0.5]).std is None


def test_the_same_seeds_are_paired():
    got = difference(A, B)
    gaps = [0.03, 0.01, 0.04]
    # Student's t of 2 degrees of freedom at 97.5 %, from a table.
    half = 4.302653 * np.std(gaps, ddof=1) / math.sqrt(3)
    assert (got.paired, got.count) == (True, 3)
    assert (got.mean, got.low, got.high) == pytest.approx(
        (np.mean(gaps), np.mean(gaps) - half, np.mean(gaps) + half), rel=1e-6
    )


def test_other_seeds_are_compared_by_welch():
    other = {7: 0.83, 8: 0.85, 9: 0.86, 10: 0.9}
    got = difference(A, other)
    want = stats.ttest_ind(
        list(other.values()), list(A.values()), equal_var=False
    ).confidence_interval(0.95)
    assert (got.paired, got.count) == (False, 3)
    assert (got.low, got.high) == pytest.approx((want.low, want.high), rel=1e-9)
    assert got.mean == pytest.approx((want.low + want.high) / 2)


def test_of_groups_that_share_seeds_the_pairs_are_compared():
    # By the gaps of seeds 1 and 2, 0.01 and 0.04, with t = 12.7062; seeds 0 and 9 have no partner.
    got = difference(A, {1: B[1], 2: B[2], 9: 0.1})
    assert (got.paired, got.count) == (True, 2)
    assert (got.mean, got.high) == pytest.approx((0.025, 0.025 + 12.7062 * 0.015), rel=1e-5)


def test_one_common_seed_throws_no_others_away():
    """scipy's Welch interval of all six values."""
    first, second = {0: 0.70, 1: 0.71, 2: 0.72}, {2: 0.60, 3: 0.75, 4: 0.76}
    got = difference(first, second)
    want = stats.ttest_ind([*second.values()], [*first.values()], equal_var=False)
    low, high = want.confidence_interval()
    assert (got.paired, got.low, got.high) == (False, pytest.approx(low), pytest.approx(high))
    assert difference({2: 0.5}, second) == Difference(pytest.approx(0.1), None, None, True, 1)


@pytest.mark.parametrize("second", [{0: 0.9}, {5: 0.9}, {5: 0.9, 6: 0.8}])
def test_too_few_runs_have_no_interval(second):
    got = difference({0: 0.8}, second)
    assert (got.low, got.high) == (None, None)
    assert got.mean == pytest.approx(np.mean(list(second.values())) - 0.8)


def test_without_variance_the_interval_is_a_point():
    got = difference({0: 0.5, 1: 0.5}, {2: 0.75, 3: 0.75})
    assert (got.low, got.mean, got.high) == (0.25, 0.25, 0.25)


def test_training_sets_that_overlap_widen_the_interval():
    """1 / n + val images / training images, in place of 1 / n."""
    other = {7: 0.83, 8: 0.85, 9: 0.86}
    for second in (B, other):
        plain, wide = difference(A, second), difference(A, second, val_rate=0.2)
        grown = math.sqrt((1 / 3 + 0.2 / 0.8) * 3)
        assert wide.mean == plain.mean
        assert wide.high - wide.mean == pytest.approx(grown * (plain.high - plain.mean))

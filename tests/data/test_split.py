"""Which split a file belongs to, which depends only on names."""

import hashlib
import math
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_alexnet.data.split import SplitRule, draw_val, hash_split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        # h = int(sha1(name), 16) % 100, from sha1sum: 86, 1, 23, 19.
        ("daisy_000.jpg", "train"),
        ("daisy_007.jpg", "test"),
        ("roses_002.jpg", "train"),
        ("花.jpg", "val"),
    ],
)
def test_hash_of_known_names(name, split):
    assert hash_split(name) == split


def test_hash_fractions_and_definition():
    names = [f"{i}.jpg" for i in range(5000)] + [os.fsdecode(b"\xff\xfe.jpg")]
    counts = dict.fromkeys(("train", "val", "test"), 0)
    for name in names:
        h = int(hashlib.sha1(os.fsencode(name)).hexdigest(), 16) % 100
        want = "test" if h < 10 else "val" if h < 20 else "train"
        assert hash_split(name) == want
        counts[want] += 1
    assert abs(counts["val"] - 500) < 80
    assert abs(counts["test"] - 500) < 80


def test_hash_moves_none_when_files_are_added():
    rule = SplitRule("hash")
    few = rule.assign("a", ["1.jpg", "2.jpg"])
    many = rule.assign("a", [f"{i}.jpg" for i in range(100)])
    assert few.items() <= many.items()


@pytest.mark.parametrize(("count", "rate", "want"), [(100, 0.1, 10), (19, 0.1, 1), (5, 0.1, 1)])
def test_random_counts(count, rate, want):
    names = [f"{i}.jpg" for i in range(count)]
    assigned = SplitRule("random", rate, 3).assign("a", names)
    assert list(assigned.values()).count("val") == want
    assert list(assigned.values()).count("train") == count - want


def test_random_depends_on_seed_and_class_and_not_on_order():
    names = [f"{i}.jpg" for i in range(50)]
    shuffled = random.Random(1).sample(names, 50)
    drawn = draw_val("a", names, 0.2, 0)
    assert drawn == draw_val("a", shuffled, 0.2, 0)
    assert drawn != draw_val("a", names, 0.2, 1)
    assert drawn != draw_val("b", names, 0.2, 0)


def test_a_single_image_stays_in_train():
    assert SplitRule("random", 0.5).assign("a", ["1.jpg"]) == {"1.jpg": "train"}


@pytest.mark.parametrize("values", [("hsh",), ("random", 0.0), ("random", 1.0), ("random", -1)])
def test_bad_rules(values):
    with pytest.raises(ValueError, match=r"split|val_rate"):
        SplitRule(*values)


# Any name that a file can have: no slash, no NUL; lone surrogates stand for bytes that are no text.
NAMES = st.one_of(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1),
    st.binary(min_size=1).filter(lambda name: not {0, ord("/")} & set(name)).map(os.fsdecode),
)
CLASSES = st.dictionaries(NAMES, st.sets(NAMES, min_size=1, max_size=40), min_size=1, max_size=20)
RATES = st.floats(0, 1, exclude_min=True, exclude_max=True)
RULES = st.builds(SplitRule, st.sampled_from(["hash", "random"]), RATES, st.integers(0, 2**31 - 1))


@settings(deadline=None)
@given(CLASSES, RULES, st.randoms(use_true_random=False))
def test_every_file_has_one_split_whatever_the_order_and_the_other_classes(classes, rule, rng):
    for class_name, names in classes.items():
        assigned = rule.assign(class_name, sorted(names))
        assert assigned.keys() == names
        assert set(assigned.values()) <= {"train", "val", "test"}
        shuffled = rng.sample(sorted(names), len(names))
        assert SplitRule(rule.split, rule.val_rate, rule.seed).assign(class_name, shuffled) == (
            assigned
        )


@settings(deadline=None)
@given(NAMES, st.sets(NAMES, max_size=60), RATES, st.integers(0, 2**31 - 1))
def test_random_fractions(class_name, names, rate, seed):
    """As many as the rate says, and at least one of two or more."""
    splits = list(SplitRule("random", rate, seed).assign(class_name, names).values())
    want = max(1, math.floor(len(names) * rate)) if len(names) > 1 else 0
    assert splits.count("val") == want
    assert splits.count("train") == len(names) - want
    assert want < max(1, len(names))  # some are left for training


@settings(deadline=None)
@given(st.sets(NAMES), st.sets(NAMES), NAMES, NAMES)
def test_hash_depends_only_on_the_name(names, others, one_class, other_class):
    rule = SplitRule()
    alone = rule.assign(one_class, names)
    together = rule.assign(other_class, names | others)
    assert alone.items() <= together.items()

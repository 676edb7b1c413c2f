"""Perceptual hashes against the formula, and pairs against every comparison one by one."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.data.synthetic_flowers import SPECIES, draw_flower
from paddle_alexnet.inspection import near_duplicates
from paddle_alexnet.inspection.near_duplicates import find_near_duplicates, perceptual_hash


def test_the_hash_is_the_signs_of_low_frequencies():
    image = draw_flower(next(iter(SPECIES)), 0)
    grey = Image.fromarray(image).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    n = np.arange(32)
    cosines = np.cos(np.pi * (2 * n + 1) * n[:, None] / 64)  # DCT-II, without its factor
    low = (cosines @ np.asarray(grey, float) @ cosines.T)[:8, :8]
    bits = "".join("01"[int(x > np.median(low))] for x in low.ravel())
    assert perceptual_hash(image) == int(bits, 2)


def test_a_copy_of_another_size_and_quality_is_found_and_another_flower_is_not():
    images = [draw_flower(kind, number) for kind in SPECIES for number in range(3)]
    small = cv2.resize(images[4], (100, 100), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])
    copy = cv2.imdecode(data, cv2.IMREAD_COLOR)
    found = find_near_duplicates(
        {
            "train": np.array(list(map(perceptual_hash, images)), np.uint64),
            "val": np.array([perceptual_hash(copy)], np.uint64),
        }
    )
    assert [pair[1:] for pair in found.pairs] == [(("train", 4), ("val", 0))]


@pytest.fixture
def hashes():
    """Three splits of random hashes, with some that differ in 0 to 6 bits from an earlier one."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 300, np.uint64)
    for i in range(150, 300, 3):
        flips = rng.choice(64, rng.integers(0, 7), replace=False).astype(np.uint64)
        values[i] = values[rng.integers(0, 150)] ^ np.bitwise_or.reduce(
            np.uint64(1) << flips, initial=np.uint64(0)
        )
    return {"train": values[:200], "val": values[200:260], "test": values[260:]}


@pytest.mark.parametrize("block", [1, 100, 1 << 18])
def test_pairs_are_those_of_a_loop_over_all(hashes, monkeypatch, block):
    monkeypatch.setattr(near_duplicates, "BLOCK", block)
    wanted = {
        ((one, i), (other, j)): distance
        for one, other in combinations(hashes, 2)
        for i, a in enumerate(hashes[one].tolist())
        for j, b in enumerate(hashes[other].tolist())
        if (distance := bin(a ^ b).count("1")) <= 4
    }
    found = find_near_duplicates(hashes)
    assert found.count == len(wanted) > 15
    assert {(a, b): bits for bits, a, b in found.pairs} == wanted
    assert [pair[0] for pair in found.pairs] == sorted(wanted.values())
    paired = {place for pair in wanted for place in pair}
    assert found.images == {s: sum(split == s for split, _ in paired) for s in hashes}


def test_of_too_many_pairs_the_nearest_are_kept(hashes, monkeypatch):
    whole = find_near_duplicates(hashes)
    monkeypatch.setattr(near_duplicates, "MAX_PAIRS", 5)
    monkeypatch.setattr(near_duplicates, "BLOCK", 100)
    found = find_near_duplicates(hashes)
    assert [pair[0] for pair in found.pairs] == [pair[0] for pair in whole.pairs[:5]]
    assert (found.count, found.images) == (whole.count, whole.images)


def test_one_split_and_empty_ones_have_no_pairs():
    assert find_near_duplicates({"train": np.zeros(3, np.uint64)}).count == 0
    empty = {"train": np.zeros(3, np.uint64), "val": np.zeros(0, np.uint64)}
    assert find_near_duplicates(empty).images == {"train": 0, "val": 0}

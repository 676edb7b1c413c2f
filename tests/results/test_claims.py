"""Claims as data, and verdicts by hand values."""

import json
from pathlib import Path

import pytest

from paddle_alexnet.config.load import dump_yaml
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.results.claims import (
    AGREES,
    CANNOT_TELL,
    DISAGREES,
    NOT_RUN,
    arm_config,
    as_json,
    describe,
    judge,
    read_claim,
)
from paddle_alexnet.training.initial_weights import find_model

DOCS = Path(__file__).parents[2] / "docs"
CLAIMS = sorted((DOCS.parent / "configs" / "claims").glob("*.yml"))
PLAIN = {
    "title": "t",
    "config": "c.yml",
    "arms": {"a": {}, "b": {"set": ["train.epochs=2"]}, "c": {"runs_of": "a", "views": 10}},
    "comparisons": [{"better": ["a"], "than": ["b"], "paper": "p"}],
    "seeds": [0, 1, 2],
}


def claim(tmp_path, **changes):
    path = tmp_path / "claim.yml"
    path.write_text(dump_yaml({**PLAIN, **changes}))
    return read_claim(path)


MADE = {"1234, EPYC": ["a-0", "a-1"], "5678, EPYC": ["b-0", "b-1"]}


def verdict(claim, a, b):
    (row,) = judge(claim, {"a": dict(enumerate(a)), "b": dict(enumerate(b))})
    return row


# Student's t for 2 degrees of freedom at 97.5 %: 4.302653.
@pytest.mark.parametrize(
    ("gaps", "mean", "half", "expected"),
    [
        ((0.01, 0.02, 0.03), 0.02, 4.302653 * 0.01 / 3**0.5, CANNOT_TELL),
        ((0.02, 0.02, 0.03), 0.07 / 3, 4.302653 * 0.01 / 3, AGREES),
        ((-0.02, -0.02, -0.03), -0.07 / 3, 4.302653 * 0.01 / 3, DISAGREES),
        ((0.0, 0.0, 0.0), 0.0, 0.0, CANNOT_TELL),
    ],
)
def test_verdicts(tmp_path, gaps, mean, half, expected):
    row = verdict(claim(tmp_path), [0.5 + gap for gap in gaps], [0.5, 0.5, 0.5])
    assert row.difference.mean == pytest.approx(mean)
    assert row.smallest == pytest.approx(half, abs=1e-7)
    assert row.verdict == expected


def test_of_epochs_fewer_are_better(tmp_path):
    few, many = [5, 6, 5], [30, 32, 31]
    assert verdict(claim(tmp_path, metric="epochs"), few, many).verdict == AGREES
    assert verdict(claim(tmp_path, metric="epochs"), many, few).verdict == DISAGREES


def test_one_seed_cannot_tell_and_none_is_not_run(tmp_path):
    row = verdict(claim(tmp_path), [0.9], [0.1])
    assert (row.verdict, row.smallest) == (CANNOT_TELL, None)
    row = verdict(claim(tmp_path), [0.6, 0.5], [0.4, 0.3])  # 0.6 - 0.4 < 0.5 - 0.3 in float64
    assert (row.verdict, row.smallest) == (CANNOT_TELL, None)
    row = verdict(claim(tmp_path), [0.9], [])
    assert (row.verdict, row.difference) == (NOT_RUN, None)


def test_arms_are_compared_by_the_seeds_that_both_have(tmp_path):
    values = {"a": {0: 0.5, 1: 0.7, 2: 0.9}, "b": {1: 0.6, 2: 0.7}}
    (row,) = judge(claim(tmp_path), values)
    # Gaps 0.1 and 0.2; of all seeds the means would differ by 0.05.
    assert row.difference.mean == pytest.approx(0.15)
    assert (row.difference.paired, row.difference.count) == (True, 2)
    (row,) = judge(claim(tmp_path), {"a": {0: 0.5, 1: 0.7}, "b": {2: 0.6, 3: 0.5}})
    assert row.difference.mean == pytest.approx(0.05)
    assert not row.difference.paired


@pytest.mark.parametrize(("metric", "best"), [("top1", "a"), ("epochs", "c")])
def test_of_several_arms_the_best_is_taken(tmp_path, metric, best):
    comparisons = [{"better": ["a", "c"], "than": ["b"], "paper": "p"}]
    several = claim(tmp_path, metric=metric, comparisons=comparisons)
    (row,) = judge(several, {"a": {0: 9, 1: 8}, "b": {0: 5, 1: 5}, "c": {0: 4, 1: 3}})
    assert (row.better, row.than) == (best, "b")
    (row,) = judge(several, {"a": {0: 9, 1: 8}, "b": {0: 5, 1: 5}})
    assert (row.better, row.missing) == ("a", ("c",))
    (row,) = judge(several, {"b": {0: 5, 1: 5}})
    assert (row.verdict, row.missing) == (NOT_RUN, ("a", "c"))


def test_the_best_is_taken_of_those_with_the_most_seeds(tmp_path):
    comparisons = [{"better": ["a", "c"], "than": ["b"], "paper": "p"}]
    several = claim(tmp_path, comparisons=comparisons)
    # c was best with the one seed that chose; only a has gone on.
    (row,) = judge(several, {"a": {0: 0.7, 1: 0.6}, "b": {0: 0.5, 1: 0.5}, "c": {0: 0.65}})
    assert (row.better, row.difference.count) == ("a", 2)
    assert row.difference.mean == pytest.approx(0.15)


def test_epochs_to_an_error(tmp_path):
    rows = [{"epoch": n, "train/top1": top1} for n, top1 in ((1, 0.5), (2, 0.75), (3, 0.9))]
    assert claim(tmp_path, metric="epochs").epochs_needed(rows) == 2
    assert claim(tmp_path, metric="epochs", error=0.05).epochs_needed(rows) is None
    assert claim(tmp_path).epochs_needed(rows) is None


def test_tables_and_json(tmp_path):
    values = {"a": {0: 0.5, 1: 0.6}, "b": {0: 0.4, 1: 0.4}}
    text = describe(claim(tmp_path), values, {}, MADE)
    # Mean 0.55, deviation 0.1 / sqrt 2; gaps 0.1 and 0.2 with t = 12.7062: 0.15 ± 0.63531.
    for words in ("55.00 ± 7.07", "+15.00", "-48.53 to +78.53", CANNOT_TELL, "from 63.53 on"):
        assert words in text
    assert "2 runs of 1234, EPYC: a-0, a-1" in text
    content = as_json(claim(tmp_path), values, {}, MADE)
    assert content["comparisons"][0]["verdict"] == CANNOT_TELL
    assert content["arms"]["a"]["values"] == {0: 0.5, 1: 0.6}
    late = describe(claim(tmp_path, metric="epochs"), {"a": {0: 40, 1: 9}}, {"a": [0]}, {})
    assert "not reached with the seeds 0" in late
    assert f"{NOT_RUN}: b" in late
    epochs = {"a": {0: 4, 1: 6}, "b": {0: 30, 1: 30}}
    both = describe(claim(tmp_path, metric="epochs"), epochs, {}, {})
    assert "6.0 times" in both
    epochs["b"] = {1: 30}  # of the seed that both have: 30 / 6
    assert "5.0 times" in describe(claim(tmp_path, metric="epochs"), epochs, {}, {})
    same = describe(claim(tmp_path), {"a": {0: 0.1 + 0.2}, "b": {0: 0.3 + 1e-16}}, {}, {})
    assert "a minus b: +0.00" in same
    less = describe(claim(tmp_path), {"a": {0: 0.3 - 1e-16}, "b": {0: 0.3}}, {}, {})
    assert "a minus b: +0.00" in less


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": []}, "seeds"),
        ({"metric": "loss"}, "metric"),
        ({"x": 1}, "x"),
        ({"arms": {"a": {}, "../b": {}}}, "arms"),
        ({"arms": {"a": {}, "c": {}}}, "of this name has runs: b"),
        ({"arms": {"a": {}, "b": {"runs_of": "c"}}}, "of this name has runs: c"),
        ({"arms": {"a": {}, "b": {"runs_of": "a", "set": ["train.seed=1"]}}}, "runs_of"),
        ({"arms": {"a": {}, "b": {"runs_of": "a", "config": "d.yml"}}}, "runs_of"),
        ({"comparisons": [{"better": ["a"], "than": ["a"]}]}, "paper"),
    ],
)
def test_what_is_no_claim(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=rf"claim\.yml is not a claim: .*{words}"):
        claim(tmp_path, **changes)


def test_an_arm_may_have_a_configuration_of_its_own(tmp_path):
    for name, epochs in (("c.yml", 3), ("d.yml", 7)):
        (tmp_path / name).write_text(f"train: {{epochs: {epochs}}}\n")
    arms = {"a": {}, "b": {"config": "d.yml", "set": ["train.batch_size=8"]}}
    of = claim(tmp_path, arms=arms, set=["train.batch_size=4", "train.device=cpu"])
    a, b = (arm_config(of, tmp_path / "claim.yml", name, 5).train for name in arms)
    assert (a.epochs, a.batch_size, a.seed) == (3, 4, 5)
    assert (b.epochs, b.batch_size, b.seed) == (7, 8, 5)
    assert b.device == "cpu"


def test_a_claim_that_is_missing(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.yml"):
        read_claim(tmp_path / "no.yml")


@pytest.mark.parametrize("path", CLAIMS, ids=lambda path: path.stem)
def test_shipped_claims_have_configurations_and_are_not_twice_the_same(path):
    shipped = read_claim(path)
    own = {name for name in shipped.arms if shipped.runs_of(name) == name}
    configs = {name: arm_config(shipped, path, name, 1) for name in own}
    assert len(set(map(str, configs.values()))) == len(own)
    for config in configs.values():
        find_model(config)
        assert config.train.seed == 1
    for arm in shipped.arms.values():
        assert arm.views == 1 or find_model(configs[min(own)]).preprocessing.has_views


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
        shipped = read_claim(DOCS.parent / "configs" / "claims" / f"{path.stem}.yml")
        block = describe(shipped, values, late, content["made_with"])
        assert f"```text\n{block}\n```" in text, path.stem

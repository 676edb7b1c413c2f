"""Claims as data."""

from pathlib import Path

import pytest

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.results.claims import arm_config, read_claim
from paddle_alexnet.training.initial_weights import find_model
from tests.claim_file import PLAIN, write_claim

CLAIMS = sorted((Path(__file__).parents[2] / "configs" / "claims").glob("*.yml"))


def test_epochs_to_an_error(tmp_path):
    rows = [{"epoch": n, "train/top1": top1} for n, top1 in ((1, 0.5), (2, 0.75), (3, 0.9))]
    assert write_claim(tmp_path, metric="epochs").epochs_needed(rows) == 2
    assert write_claim(tmp_path, metric="epochs", error=0.05).epochs_needed(rows) is None
    assert write_claim(tmp_path).epochs_needed(rows) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": []}, "seeds"),
        ({"metric": "loss"}, "metric"),
        ({"x": 1}, "x"),
        ({"arms": {"a": {}, "../b": {}}}, "arms"),
        ({"arms": {"a": {}, "c": {}}}, "of this name has runs: b"),
        ({"arms": {"a": {}, "b": {"runs_of": "c"}}}, "of this name has runs: c"),
        ({"arms": {"a": {}, "b": {"runs_of": "a", "set": ["train.epochs=1"]}}}, "runs_of"),
        ({"arms": {"a": {}, "b": {"runs_of": "a", "config": "d.yml"}}}, "runs_of"),
        ({"comparisons": [{**PLAIN["comparisons"][0], "expected": "e"}]}, "paper"),
    ],
)
def test_what_is_no_claim(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=rf"claim\.yml is not a claim: .*{words}"):
        write_claim(tmp_path, **changes)


def test_an_arm_may_have_a_configuration_of_its_own(tmp_path):
    for name, epochs in (("c.yml", 3), ("d.yml", 7)):
        (tmp_path / name).write_text(f"train: {{epochs: {epochs}}}\n")
    arms = {"a": {}, "b": {"config": "d.yml", "set": ["train.batch_size=8"]}}
    of = write_claim(tmp_path, arms=arms, set=["train.batch_size=4", "train.device=cpu"])
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

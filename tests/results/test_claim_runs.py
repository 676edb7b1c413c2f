"""A claim on the tiny net and drawn flowers, from runs to verdict."""

import json
import shutil
from dataclasses import replace

import pytest

from paddle_alexnet.config.load import dump_yaml, write_config
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.errors import ConfigError, DataError, RunError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.nets.weights import load_arrays
from paddle_alexnet.results import claim_runs
from paddle_alexnet.results.claim_runs import ClaimRuns
from paddle_alexnet.results.claims import read_claim
from paddle_alexnet.results.verdicts import NOT_RUN, judge
from paddle_alexnet.training.checkpoint import read_checkpoint
from paddle_alexnet.training.train import Interrupted
from tests.tiny_run import tiny_config

pytestmark = pytest.mark.usefixtures("tiny")
ARMS = {
    "plain": {},
    "no_norm": {"set": ["model.changes.norm=none"]},
    "views": {"runs_of": "plain", "views": 10},
}


@pytest.fixture
def make(flowers, tmp_path):
    """A function that writes a claim and returns its runs."""

    def build(seeds=(0, 1), overrides=(), arms=ARMS, **changes):
        keys = {"data": {"split": "random", "val_rate": 0.25}, "optimizer": {"average": 0.9}}
        (tmp_path / "base.yml").write_text(write_config(tiny_config(flowers, **keys)))
        comparisons = [
            {"better": ["plain"], "than": ["no_norm"], "paper": "p"},
            {"better": ["views"], "than": ["plain"], "paper": "p"},
        ]
        values = {"title": "t", "config": "base.yml", "arms": arms, "comparisons": comparisons}
        (tmp_path / "c.yml").write_text(dump_yaml({**values, "seeds": [0, 1], **changes}))
        claim = read_claim(tmp_path / "c.yml")
        return ClaimRuns(claim, tmp_path / "c.yml", tmp_path / "runs", seeds, overrides)

    return build


def train_all(runs, arms=("plain", "no_norm")):
    for arm in arms:
        for seed in runs.seeds:
            runs.train(arm, seed)


def measure(runs):
    return runs.outcome(runs.done())


@pytest.mark.slow
def test_from_runs_to_verdicts(make):
    runs = make()
    assert {row.verdict for row in judge(runs.claim, measure(runs))} == {NOT_RUN}
    train_all(runs)
    outcome = measure(runs)
    assert sorted(path.name for path in runs.folder.iterdir()) == [
        *("no_norm-0", "no_norm-1", "plain-0", "plain-1"),
    ]
    for arm in ("plain", "no_norm"):
        for seed in (0, 1):
            rows = read_metrics(runs.folder / f"{arm}-{seed}" / "metrics.jsonl")
            assert outcome.values[arm][seed] == rows[-1]["val/top1"]
    assert outcome.not_reached == {}
    assert outcome.redrawn == 0.25
    assert not any(outcome.diverged.values())
    assert sum(map(len, outcome.made_with.values())) == 4  # views has runs of plain
    first, second = judge(runs.claim, outcome)
    gaps = [outcome.values["plain"][s] - outcome.values["no_norm"][s] for s in (0, 1)]
    assert first.difference.mean == pytest.approx(sum(gaps) / 2)
    assert first.difference.paired
    assert second.difference is not None


def test_a_run_that_diverged_is_known(make):
    runs = make(seeds=[0], overrides=["optimizer.lr=1.0e+30"])
    assert not runs.diverged("plain", 0)
    with pytest.raises(RunError):
        runs.train("plain", 0)
    assert runs.diverged("plain", 0)
    assert measure(runs).diverged == {"plain": [0], "no_norm": [], "views": [0]}


def test_a_val_loss_that_is_not_finite_is_known_too(make, monkeypatch):
    from paddle_alexnet.training import train

    evaluate = train.evaluate
    spoiled = lambda *args, **keys: replace(evaluate(*args, **keys), loss=float("nan"))  # noqa: E731
    monkeypatch.setattr(train, "evaluate", spoiled)
    runs = make(seeds=[0], overrides=["train.on_nonfinite=skip"])
    with pytest.raises(RunError, match="val loss"):
        runs.train("plain", 0)
    assert runs.diverged("plain", 0)


def test_a_run_of_other_images_is_named(make, flowers, tmp_path, caplog):
    """A data set may be moved, but a pair of arms has seen the same images."""
    runs, others = make(seeds=[0]), tmp_path / "others"
    shutil.copytree(flowers, others)
    runs.train("plain", 0)
    moved = make(seeds=[0], overrides=[f"data.root={others}"])
    moved.train("no_norm", 0)
    assert measure(moved).values["no_norm"]
    next(others.rglob("*.jpg")).unlink()
    shutil.rmtree(runs.folder / "no_norm-0")
    moved.train("no_norm", 0)
    outcome = measure(moved)
    assert outcome.values["plain"]
    assert outcome.values["no_norm"] == {}
    assert "no_norm-0 is left out" in caplog.text


@pytest.mark.parametrize(
    "override",
    ["model.changes.norm=none", "model.changes={pool: 2}", "train.seed=7", "run.dir=elsewhere"],
)
def test_what_makes_arms_and_seeds_differ_cannot_be_set(make, override):
    with pytest.raises(ConfigError, match=override.partition("=")[0]):
        make(overrides=[override])
    make(overrides=["model.init=torch"])


def test_a_mistake_in_an_arm_is_named(make):
    arms = {**ARMS, "no_norm": {"set": ["model.name=alexnt"]}}
    runs = make(arms=arms)
    runs.check("plain", 0)
    with pytest.raises(ConfigError, match=r"arm no_norm: model\.name: unknown 'alexnt'"):
        runs.check("no_norm", 0)


def test_what_cannot_be_kept_is_measured_all_the_same(make, caplog):
    runs = make(seeds=[0])
    runs.train("plain", 0)
    run = runs.finished("plain", 0)
    (run.directory.path / "val-10-views.json").mkdir()
    assert 0 <= runs.value("views", run) <= 1
    assert "measured again" in caplog.text


def test_views_are_of_the_last_weights_and_measured_once(make):
    runs = make(seeds=[0])
    train_all(runs, ["plain"])
    run = runs.finished("views", 0)
    kept = run.directory.path / "val-10-views.json"
    value = runs.value("views", run)
    assert json.loads(kept.read_text()) == {"epoch": 1, "top1": value}
    kept.write_text(json.dumps({"epoch": 1, "top1": 0.123}))
    assert runs.value("views", run) == 0.123
    for text in ('{"epoch": 7, "top1": 0.123}', "{", "[]"):  # of another epoch, or damaged
        kept.write_text(text)
        assert runs.value("views", run) == value


def test_the_last_weights_are_those_that_were_validated(make, monkeypatch):
    runs = make(seeds=[0], overrides=["train.epochs=3"])
    train_all(runs, ["plain"])
    run = runs.finished("plain", 0)
    assert claim_runs._measure_top1(run, "val", 1) == pytest.approx(run.last["val/top1"])
    checkpoint = read_checkpoint(run.directory)
    assert checkpoint.epochs() == 3
    net = Classifier.load(run.directory.best).net
    load_arrays(net, checkpoint.weights(), "x")
    raw = checkpoint.arrays["net/out_fc.weight"]
    assert (net.out_fc.weight.numpy() != raw).any()  # the average


def test_what_is_measured_are_the_images_of_the_run(make, flowers, tmp_path):
    """Also of list files, which do not divide a folder as its rule does."""
    species = sorted(path.name for path in flowers.iterdir() if path.is_dir())
    images = [(path, n) for n, name in enumerate(species) for path in (flowers / name).iterdir()]
    lines = [f"{path.relative_to(flowers)} {label}" for path, label in images]
    (tmp_path / "val.txt").write_text("\n".join(lines[::4]))
    (tmp_path / "train.txt").write_text("\n".join(set(lines) - {*lines[::4]}))
    lists = [f"data.{name}_list={tmp_path}/{name}.txt" for name in ("train", "val")]
    runs = make(seeds=[0], overrides=lists)
    runs.train("plain", 0)
    run = runs.finished("plain", 0)
    assert claim_runs._measure_top1(run, "val", 1) == pytest.approx(run.last["val/top1"])
    with pytest.raises(ConfigError, match="split: list files have no test images"):
        claim_runs._measure_top1(run, "test", 1)
    (tmp_path / "val.txt").write_text("\n".join(lines[::8]))
    with pytest.raises(DataError, match="not those of the run"):
        runs.value("views", run)


def test_images_for_the_test_are_those_of_its_folder(make, flowers, tmp_path):
    root = tmp_path / "divided"
    for number, path in enumerate(sorted(flowers.rglob("*.jpg"))):
        split = ("train", "train", "val", "test")[number % 4]
        (root / split / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / split / path.parent.name)
    runs = make(seeds=[0], overrides=[f"data.root={root}"], split="test")
    runs.train("plain", 0)
    run = runs.finished("plain", 0)
    classifier = Classifier.load(run.directory.best)  # of the only epoch
    paths = sorted((root / "test").rglob("*.jpg"))
    scores = classifier.scores([read_image(str(path)) for path in paths])
    truth = [classifier.classes.index(path.parent.name) for path in paths]
    assert runs.value("plain", run) == pytest.approx((scores.argmax(axis=1) == truth).mean())


def test_a_run_that_was_stopped_goes_on_and_one_that_is_done_is_skipped(make):
    runs = make(seeds=[0], overrides=["train.epochs=2"])
    asked = iter([False] * 3)
    with pytest.raises(Interrupted):
        runs.train("plain", 0, should_stop=lambda: next(asked, True))
    assert runs.finished("plain", 0) is None
    runs.train("plain", 0)
    assert runs.finished("plain", 0).last["epoch"] == 2


def test_a_run_without_its_last_checkpoint_is_not_done(make):
    """Killed between the log and the checkpoint: the row is there, the weights are not."""
    runs = make(seeds=[0], overrides=["train.epochs=2"])
    runs.train("plain", 0)
    directory = runs.finished("plain", 0).directory
    directory.state.unlink()  # the one before it is of epoch 1
    assert runs.finished("plain", 0) is None
    runs.train("plain", 0)
    assert len(read_metrics(directory.metrics)) == 2
    assert runs.finished("plain", 0) is not None


@pytest.mark.parametrize(
    ("override", "words"),
    [("optimizer.lr=0.5", "optimizer.lr was 0.01 and is 0.5"), ("train.epochs=9", "train.epochs")],
)
def test_a_run_of_other_settings_is_named(make, override, words):
    make(seeds=[0]).train("plain", 0)
    with pytest.raises(RunError, match=rf"plain-0 .*{words}"):
        make(seeds=[0], overrides=[override]).finished("plain", 0)


def test_a_run_ends_at_the_training_error(make):
    """Any error is below 99 %, none below 1 %."""
    easy = make(seeds=[0], metric="epochs", error=0.99, overrides=["train.epochs=3"])
    easy.train("plain", 0)
    assert len(easy.finished("plain", 0).rows) == 1
    values = measure(easy).values
    assert (values["plain"], values["no_norm"]) == ({0: 1.0}, {})
    hard = make(seeds=[1], metric="epochs", error=0.01, overrides=["train.epochs=2"])
    hard.train("plain", 1)
    outcome = measure(hard)
    assert outcome.values["plain"] == {1: 2.0}
    assert outcome.not_reached["plain"] == [1]


def test_what_cannot_be_measured_leaves_the_others(make, flowers, caplog):
    runs = make(seeds=[0])
    train_all(runs)
    foreign = runs.folder / "no_norm-0" / "config.yml"
    foreign.write_text(foreign.read_text().replace("lr: 0.01", "lr: 0.5"))
    outcome = measure(runs)
    assert outcome.values["plain"]
    assert outcome.values["no_norm"] == {}
    assert "no_norm-0" in caplog.text
    (runs.folder / "plain-0" / "val-10-views.json").unlink()
    config = runs.folder / "plain-0" / "config.yml"
    config.write_text(config.read_text().replace(str(flowers), str(flowers / "gone")))
    values = measure(runs).values
    assert values["plain"]
    assert values["views"] == {}
    assert "views-0" in caplog.text


def test_several_commits_are_told_apart(make):
    runs = make()
    train_all(runs, ["plain"])
    assert [*measure(runs).made_with.values()] == [["plain-0", "plain-1"]]
    second = {"commit": "abc", "machine": {"processor": "p"}}  # continued with another commit
    (runs.folder / "plain-1" / "environment-2.json").write_text(json.dumps(second))
    made_with = measure(runs).made_with
    assert [*made_with.values()] == [["plain-0"], ["plain-1"]]
    assert [*made_with][1].endswith(" and abc, p")

"""Reading and grouping runs, from directories written by hand."""

import json

import pytest

from paddle_alexnet.config.load import make_config, write_config
from paddle_alexnet.errors import RunError
from paddle_alexnet.results.report import compare
from paddle_alexnet.results.runs import (
    Environment,
    differing_settings,
    group_by_settings,
    read_environment,
    read_runs,
)


def write_run(path, top1=(0.1, 0.3, 0.3), **sections):
    path.mkdir(parents=True)
    (path / "config.yml").write_text(write_config(make_config(sections)))
    rows = [
        {"epoch": n, "train/loss": 1, "train/top1": 0.1, "val/loss": 1, "val/top1": value}
        for n, value in enumerate(top1, start=1)
    ]
    (path / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_runs_that_differ_in_their_seed_are_a_group(tmp_path):
    paths = [
        write_run(tmp_path / "a", train={"seed": 0, "device": "cpu"}, run={"dir": "x"}),
        write_run(tmp_path / "wide", model={"width": 0.5}),
        write_run(tmp_path / "b", train={"seed": 7, "log_every_steps": 3}),
    ]
    runs = read_runs(paths)
    groups = group_by_settings(runs)
    assert [[run.name for run in group] for group in groups] == [["a", "b"], ["wide"]]
    assert [run.seed for run in groups[0]] == [0, 7]
    assert differing_settings(groups) == {"model.width": [1.0, 0.5]}


def test_a_longer_run_is_another_group(tmp_path):
    runs = read_runs([write_run(tmp_path / "a"), write_run(tmp_path / "b", train={"epochs": 99})])
    assert "train.epochs" in differing_settings(group_by_settings(runs))


def test_a_run_that_was_stopped_is_no_seed_of_the_finished_ones(tmp_path):
    keys = {"epochs": 3}
    runs = read_runs(
        [
            write_run(tmp_path / "a", train={"seed": 0, **keys}),
            write_run(tmp_path / "b", train={"seed": 1, **keys}),
            write_run(tmp_path / "half", train={"seed": 2, **keys}, top1=(0.1,)),
        ]
    )
    groups = group_by_settings(runs)
    assert [[run.name for run in group] for group in groups] == [["a", "b"], ["half"]]
    assert differing_settings(groups) == {"train.epochs": [3, "stopped after 1 of 3"]}


def test_runs_stopped_after_different_epochs_are_apart(tmp_path):
    keys = {"epochs": 9}
    runs = read_runs(
        [
            write_run(tmp_path / "a", train={"seed": 0, **keys}, top1=(0.1,)),
            write_run(tmp_path / "b", train={"seed": 1, **keys}, top1=(0.1, 0.2)),
            write_run(tmp_path / "c", train={"seed": 2, **keys}, top1=(0.1, 0.3)),
        ]
    )
    groups = group_by_settings(runs)
    assert [[run.name for run in group] for group in groups] == [["a"], ["b", "c"]]


@pytest.mark.parametrize("split", ["hash", "random"])
def test_a_group_of_other_images_is_named(tmp_path, monkeypatch, caplog, split):
    """Where no seed draws the val images, all runs of a group should have the same."""
    monkeypatch.setattr("paddle_alexnet.results.runs.data_fingerprint", lambda of: of.path.name)
    keys = {"data": {"split": split}}
    group_by_settings(
        read_runs([write_run(tmp_path / n, train={"seed": int(n)}, **keys) for n in "01"])
    )
    assert ("same images" in caplog.text) == (split == "hash")


def test_a_seed_counts_once(tmp_path, caplog):
    runs = read_runs([write_run(tmp_path / name, train={"epochs": 3}) for name in ("a", "b")])
    assert group_by_settings(runs) == [runs[:1]]
    assert "b repeats seed 0 of a" in caplog.text


def test_runs_on_other_images_are_another_group(tmp_path):
    runs = read_runs(
        [
            write_run(tmp_path / "a", train={"seed": 0}, data={"root": "photos"}),
            write_run(tmp_path / "b", train={"seed": 1}, data={"root": "other"}),
            write_run(tmp_path / "c", train={"seed": 1}, data={"root": "/elsewhere/photos/"}),
        ]
    )
    assert differing_settings(group_by_settings(runs)) == {"data.root": ["photos", "other"]}


def test_the_best_epoch_is_the_first_of_equals(tmp_path):
    (run,) = read_runs([write_run(tmp_path / "a")])
    assert (run.best["epoch"], run.last["epoch"]) == (2, 3)
    assert run.environment == Environment()  # the file is missing


def test_a_run_given_twice_counts_once(tmp_path):
    path = write_run(tmp_path / "a")
    assert len(read_runs([path, f"{path}/", tmp_path / "x" / ".." / "a"])) == 1


def test_a_run_without_an_epoch(tmp_path):
    with pytest.raises(RunError, match="no complete epoch"):
        read_runs([write_run(tmp_path / "a", top1=())])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="not the directory of a run"):
        read_runs([tmp_path / "empty"])


def test_a_damaged_environment_is_no_obstacle(tmp_path):
    path = write_run(tmp_path / "a")
    (path / "environment.json").write_text("[")
    (run,) = read_runs([path])
    assert run.environment == Environment()
    for machine in (None, "box", {"processor": 3}):
        (path / "environment.json").write_text(json.dumps({"commit": "abc", "machine": machine}))
        assert read_environment(path / "environment.json") == Environment("abc")


@pytest.mark.parametrize(
    ("data", "redrawn"),
    [
        ({}, 0.0),
        ({"split": "random", "val_rate": 0.2}, 0.2),
        ({"split": "random", "split_seed": 3}, 0.0),
        ({"val_rate": 0.2}, 0.0),
        ({"split": "random", "train_list": "t.txt", "val_list": "v.txt"}, 0.0),
    ],
)
def test_where_a_seed_draws_the_val_images(tmp_path, data, redrawn):
    (run,) = read_runs([write_run(tmp_path / "a", data=data)])
    assert run.redrawn == redrawn


def test_the_report_widens_intervals_where_seeds_draw_the_val_images(tmp_path):
    """By (1 / n + 1 / 9) in place of 1 / n, in the variance."""

    def group(width, **keys):
        paths = [
            write_run(
                tmp_path / f"{width}-{seed}-{len(keys)}",
                top1=(0.1 * seed + width * seed**2 / 10,),
                train={"seed": seed},
                model={"width": width},
                data={"split": "random", **keys},
            )
            for seed in (0, 1, 2)
        ]
        return read_runs(paths)

    plain = compare(group(1.0, split_seed=3), group(0.5, split_seed=3))["best"]
    wide = compare(group(1.0), group(0.5))["best"]
    assert wide.mean == plain.mean
    assert wide.high - wide.mean == pytest.approx(
        (plain.high - plain.mean) * ((1 / 3 + 1 / 9) * 3) ** 0.5
    )

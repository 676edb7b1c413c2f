"""Reading and grouping runs, from directories written by hand."""

import dataclasses
import json
from pathlib import Path

import pytest

from paddle_alexnet.config.load import make_config, write_config
from paddle_alexnet.errors import RunError
from paddle_alexnet.results.report import compare
from paddle_alexnet.results.runs import (
    differing_settings,
    group_by_settings,
    read_runs,
    short_names,
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


def test_the_best_epoch_is_the_first_of_equals(tmp_path):
    (run,) = read_runs([write_run(tmp_path / "a")])
    assert (run.best["epoch"], run.last["epoch"]) == (2, 3)
    assert run.environment == {}  # the file is missing


def test_a_run_given_twice_counts_once(tmp_path):
    path = write_run(tmp_path / "a")
    assert len(read_runs([path, f"{path}/", tmp_path / "x" / ".." / "a"])) == 1


def test_names_are_as_short_as_they_differ():
    assert short_names([Path("/r/a"), Path("/r/b")]) == ["a", "b"]
    assert short_names([Path("/x/1/run"), Path("/x/2/run")]) == ["1/run", "2/run"]


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
    assert dataclasses.replace(run, environment={}) == run


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

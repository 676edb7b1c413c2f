"""The report of tiny runs: what its page and its files say; test_report_browser.py looks at it."""

import html
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.errors import DataError, RunError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.results.paper_figures import write_paper_figures
from paddle_alexnet.results.report import write_report
from tests.tiny_run import tiny_run


def cells(page, table):
    """The texts of a table's cells, row by row, from the HTML."""
    body = re.search(rf'<table (?:id|class)="{table}">.*?</table>', page, re.DOTALL)[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [
        [html.unescape(c) for c in re.findall(r"<t[hd]>(.*?)</t[hd]>", r, re.DOTALL)] for r in rows
    ]


@pytest.fixture
def run(flowers, tiny, tmp_path):
    return tiny_run(flowers, tmp_path / "runs" / "one", train={"epochs": 2})


def test_a_report_of_one_run(run, tmp_path):
    page = write_report([run.directory.path], tmp_path / "out")
    text = page.read_text(encoding="utf-8")
    rows = read_metrics(run.directory.metrics)
    best = max(row["val/top1"] for row in rows)
    (_, line) = cells(text, "runs")
    assert line[:5] == ["one", "0", "2", f"{100 * best:.2f} %", str(run.state.best_epoch)]
    names = {path.name for path in (tmp_path / "out" / "one").iterdir()}
    assert {"confusion.png", "calibration.png", "filters.png", "mistakes.csv"} <= names
    assert {"score_bars.png", "neighbors.png"} <= names
    assert (tmp_path / "out" / "curves.png").exists()
    classifier = Classifier.load(run.directory.best)
    table = cells(text, "classes")
    assert [row[0] for row in table[1:-1]] == list(classifier.classes)
    assert not re.search(r'(?:src|href)="(?!data:)', text)  # nothing is loaded from elsewhere


@pytest.mark.slow
def test_groups_and_their_difference(run, flowers, tmp_path):
    other = [
        tiny_run(
            flowers,
            tmp_path / "runs" / f"w{seed}",
            model={"width": 0.5},
            train={"epochs": 2, "seed": seed},
        ).directory.path
        for seed in (0, 1)
    ]
    second = tiny_run(flowers, tmp_path / "runs" / "two", train={"epochs": 2, "seed": 1})
    paths = [run.directory.path, second.directory.path, *other]
    text = write_report(paths, tmp_path / "out").read_text(encoding="utf-8")
    best = [max(row["val/top1"] for row in read_metrics(path / "metrics.jsonl")) for path in paths]
    _, first, narrow = cells(text, "groups")
    assert first[:2] == ["one, two", "0, 1"]
    mean, std = np.mean(best[:2]), np.std(best[:2], ddof=1)
    assert first[2] == f"{100 * mean:.2f} ± {100 * std:.2f} %"
    assert narrow[0] == "w0, w1"
    assert cells(text, "settings")[1] == ["model.width", "1.0", "0.5"]
    _, row = cells(text, "differences")
    assert row[1] == f"{100 * (np.mean(best[2:]) - mean):+.2f}"
    assert row[-1] == "2"


def test_a_chinese_report(run, tmp_path):
    text = write_report([run.directory.path], tmp_path / "out", "zh").read_text(encoding="utf-8")
    assert '<html lang="zh">' in text
    assert "训练报告" in text
    assert "Training report" not in text


def test_of_a_run_whose_images_are_gone_the_metrics_are_shown(run, tmp_path, caplog):
    config = run.directory.config
    config.write_text(config.read_text().replace(run.config.data.root, str(tmp_path / "gone")))
    text = write_report([run.directory.path], tmp_path / "out").read_text(encoding="utf-8")
    assert len(cells(text, "runs")) == 2
    assert "gone" in caplog.text
    assert not (tmp_path / "out" / "one").exists()


def test_images_of_another_set_are_not_evaluated(run, tmp_path, caplog):
    """One class was renamed, so that the labels of all others are others."""
    root = shutil.copytree(run.config.data.root, tmp_path / "renamed")
    first = min(path.name for path in root.iterdir() if path.is_dir())
    (root / first).rename(root / f"z{first}")
    config = run.directory.config
    config.write_text(config.read_text().replace(run.config.data.root, str(root)))
    before = sorted(run.directory.path.iterdir())
    write_report([run.directory.path], tmp_path / "out")
    assert "not those of the run" in caplog.text
    assert sorted(run.directory.path.iterdir()) == before
    assert not (tmp_path / "out" / "one").exists()
    with pytest.raises(DataError, match="not those of the run"):
        write_paper_figures(run.directory.path, tmp_path / "figures")


def test_a_damaged_checkpoint_costs_no_figures(run, tmp_path):
    run.directory.state.write_bytes(b"damaged")
    before = sorted(run.directory.path.iterdir())
    write_report([run.directory.path], tmp_path / "out")
    assert (tmp_path / "out" / "one" / "filters.png").exists()
    assert sorted(run.directory.path.iterdir()) == before


def test_images_that_are_gone_are_not_made_anew(run, tmp_path):
    config = run.directory.config
    text = config.read_text().replace(run.config.data.root, str(tmp_path / "gone"))
    config.write_text(text.replace("prepare: none", "prepare: drawn_flowers"))
    write_report([run.directory.path], tmp_path / "out")
    assert not (tmp_path / "gone").exists()


def test_a_report_is_not_written_into_a_run(run, tmp_path):
    for out in (run.directory.path, run.directory.path.parent):
        with pytest.raises(RunError, match="is a run, which is left as it is"):
            write_report([run.directory.path], out)
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "config.yml").touch()  # in its first epoch
    with pytest.raises(RunError, match="is a run, which is left as it is"):
        write_report([run.directory.path], begun)


def test_names_are_text_and_not_html(run, tmp_path):
    evil = run.directory.path.with_name("<script>alert(1)<b>")
    run.directory.path.rename(evil)
    text = write_report([evil], tmp_path / "out").read_text(encoding="utf-8")
    assert "<script" not in text
    assert cells(text, "runs")[1][0] == "<script>alert(1)<b>"


@pytest.mark.slow
def test_a_report_is_written_over_an_earlier_one(run, tmp_path):
    first = write_report([run.directory.path], tmp_path / "out").read_bytes()
    assert write_report([run.directory.path], tmp_path / "out").read_bytes() == first
    with Image.open(tmp_path / "out" / "one" / "filters.png") as image:
        assert image.size[0] > 100


def test_mistakes_are_met_before_anything_is_written(tmp_path):
    with pytest.raises(RunError, match="not the directory of a run"):
        write_report([tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()

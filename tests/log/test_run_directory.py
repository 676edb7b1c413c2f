"""A run's directory: never two runs in one, and logs that go back to a checkpoint."""

import os
import shutil
from pathlib import Path

import pytest

from paddle_alexnet.errors import RunError
from paddle_alexnet.log.run_directory import (
    HistorySizes,
    RunDirectory,
    history_sizes,
    rewind,
    short_names,
)
from paddle_alexnet.storage.files import parse_strict


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_runs_of_one_config_are_numbered(tmp_path):
    runs = [RunDirectory.create(None, "alexnet") for _ in range(3)]
    names = ["alexnet", "alexnet-2", "alexnet-3"]
    assert [str(run.path) for run in runs] == [os.path.join("runs", name) for name in names]
    assert RunDirectory.free("alexnet").name == "alexnet-4"
    assert not RunDirectory.free("alexnet").exists()
    for run in runs:
        run.release()


def test_a_run_is_never_overwritten(tmp_path):
    run = RunDirectory.create("mine", "alexnet")
    with pytest.raises(RunError, match=r"another process trains in mine.*run\.dir"):
        RunDirectory.create("mine", "alexnet")
    run.release()
    for name in (".state.safetensors.123.part", ".nonfinite-val-7.json.4.part", "vdlgraph.12.log"):
        (run.path / name).touch()  # of a run that was killed early
    RunDirectory.create("mine", "alexnet").release()
    assert [path.name for path in run.path.iterdir() if path.name != ".lock"] == []
    run.state.touch()
    with pytest.raises(RunError, match=r"mine is not empty.*--resume mine.*run\.dir"):
        RunDirectory.create("mine", "alexnet")


def test_a_directory_that_cannot_be_read(tmp_path, monkeypatch):
    def listdir(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(RunError, match=r"cannot make the run's directory: .*Permission denied"):
        RunDirectory.check_free(tmp_path)


@pytest.mark.parametrize(
    ("name", "by_step", "diverged"),
    [
        ("nonfinite-7.json", True, True),
        ("nonfinite-7.json", False, False),
        ("nonfinite-val-1.json", False, True),
        ("environment.json", True, False),
    ],
)
def test_a_run_that_diverged_left_a_report(tmp_path, name, by_step, diverged):
    (tmp_path / name).touch()
    assert RunDirectory(tmp_path).diverged(by_step=by_step) == diverged


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "runs").touch()
    for path in (None, "runs/x"):
        with pytest.raises(RunError, match="runs"):
            RunDirectory.create(path, "alexnet")
    (tmp_path / "a").mkdir()
    with pytest.raises(RunError, match=r"a is not the directory of a run.*config\.yml"):
        RunDirectory.existing("a")


def test_a_directory_that_was_replaced_is_noticed():
    run = RunDirectory.create("mine", "alexnet")
    run.check()
    run.path.rename("moved")  # it keeps its inode, so that the new one has another
    with pytest.raises(RunError, match=r"mine.*removed or replaced"):
        run.check()
    run.path.mkdir()
    with pytest.raises(RunError, match=r"mine.*removed or replaced"):
        run.check()
    run.release()
    shutil.rmtree("moved")


def test_logs_are_rewound_to_a_checkpoint(caplog):
    run = RunDirectory.create("mine", "alexnet")
    assert history_sizes(run) == {}
    run.metrics.write_text("12345")
    sizes = history_sizes(run)
    assert sizes == {"metrics.jsonl": 5}
    run.metrics.write_text("1234567")
    board = run.path / "vdlrecords.main.log"
    board.write_text("x")
    rewind(run, sizes)
    assert run.metrics.read_text() == "12345" and not board.exists()
    assert not caplog.records
    run.metrics.write_text("123")
    rewind(run, sizes)
    assert run.metrics.read_text() == "123" and "metrics.jsonl has 3 bytes" in caplog.text
    run.release()


@pytest.mark.parametrize("text", ["[]", '{"a": -1}', '{"a": 1.0}', '{"a": true}', '{"a": "1"}'])
def test_sizes_that_are_not_sizes(text):
    with pytest.raises(ValueError, match=r"object|a"):
        parse_strict(HistorySizes, text)


def test_names_are_as_short_as_they_differ():
    assert short_names([Path("/r/a"), Path("/r/b")]) == ["a", "b"]
    assert short_names([Path("/x/1/run"), Path("/x/2/run")]) == ["1/run", "2/run"]
    assert short_names([Path("/out"), Path("/b/out")]) == ["out", "b/out"]  # no absolute path

"""Logs that are damaged, incomplete, or not logs."""

import os
import struct

import numpy as np
import pytest
from visualdl import LogWriter
from visualdl.proto import record_pb2
from visualdl.reader.graph_reader import GraphReader
from visualdl.reader.reader import LogReader
from visualdl.reader.record_reader import RecordReader
from visualdl.server import lib

from paddle_alexnet.board import log_reader, visualdl_patches
from paddle_alexnet.board.writer import BoardWriter


@pytest.fixture
def reader():
    log_reader.patch_log_reading()
    return lambda folder: LogReader(logdir=[str(folder)])


def points(log_reader, folder, tag="x"):
    """The steps of a curve, as on the board."""
    log_reader.load_new_data()
    items = log_reader.data_manager.get_reservoir("scalar").get_items(str(folder), tag)
    return [item.id for item in items]


def write(folder, steps=5):
    with BoardWriter(folder) as writer:
        for step in range(steps):
            writer.scalar("x", step, step)
    return folder / visualdl_patches.LOG_NAME


def test_a_record_still_being_written_is_read_when_it_is_complete(tmp_path):
    """The stock reader reads half a record as a complete one, and the board stops."""
    log_reader.patch_log_reading()
    bodies = [b"first", b"second record", b"third"]
    whole = b"".join(struct.pack("<Q", len(body)) + body for body in bodies)
    path = tmp_path / visualdl_patches.LOG_NAME
    path.touch()
    log = RecordReader(str(path))
    got = []
    with open(path, "ab", buffering=0) as file:
        for byte in whole:
            file.write(bytes([byte]))
            got += log.get_remain()
    assert got == bodies


def test_only_the_damaged_record_is_lost(reader, tmp_path):
    path = write(tmp_path / "bad")
    write(tmp_path / "good")
    data = bytearray(path.read_bytes())
    # The fourth record: the header of the log and the points 0 and 1 come before.
    starts = [0]
    while starts[-1] < len(data):
        starts.append(starts[-1] + 8 + struct.unpack_from("<Q", data, starts[-1])[0])
    data[starts[3] + 8 : starts[4]] = b"\xff" * (starts[4] - starts[3] - 8)
    path.write_bytes(data)
    log = reader(tmp_path)
    assert points(log, tmp_path / "bad") == [0, 1, 3, 4]
    assert points(log, tmp_path / "good") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("length", [0, log_reader.RECORD_LIMIT + 1, 2**63, 2**64 - 1])
def test_an_impossible_length_ends_only_that_log(reader, tmp_path, length):
    path = write(tmp_path / "bad")
    write(tmp_path / "good")
    with open(path, "ab") as file:
        file.write(struct.pack("<Q", length))
        file.truncate(2 * log_reader.RECORD_LIMIT)  # the file's size would allow the record
    log = reader(tmp_path)
    for run in ("bad", "good"):
        assert points(log, tmp_path / run) == [0, 1, 2, 3, 4]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_do_not_block_and_are_not_read(reader, tmp_path):
    os.mkfifo(tmp_path / visualdl_patches.LOG_NAME)
    write(tmp_path / "run")
    log = reader(tmp_path)
    assert points(log, tmp_path / "run") == [0, 1, 2, 3, 4]
    assert log.runs() == [str(tmp_path / "run")]
    with pytest.raises(OSError, match="not a file"):
        log_reader.open_file(tmp_path / visualdl_patches.LOG_NAME)


def test_links_are_not_followed(reader, tmp_path):
    secret = write(tmp_path / "elsewhere")
    inside = tmp_path / "runs"
    write(inside / "own")
    (inside / "file").mkdir()
    (inside / "file" / visualdl_patches.LOG_NAME).symlink_to(secret)
    (inside / "folder").symlink_to(secret.parent)
    (inside / "loop").symlink_to(inside)
    assert reader(inside).runs() == [str(inside / "own")]
    with pytest.raises(OSError, match=visualdl_patches.LOG_NAME):
        log_reader.open_file(inside / "file" / visualdl_patches.LOG_NAME)


def test_a_link_that_replaces_a_log_is_not_followed(reader, tmp_path):
    path = write(tmp_path / "runs" / "own", steps=1)
    secret = write(tmp_path / "elsewhere", steps=9)
    log = reader(tmp_path / "runs")
    path.unlink()
    path.symlink_to(secret)
    assert points(log, path.parent) == [0]


def test_a_link_that_replaces_a_graph_is_not_followed(tmp_path):
    log_reader.patch_log_reading()
    graph = tmp_path / "runs" / "vdlgraph.1.log"
    graph.parent.mkdir()
    graph.write_text("{}")
    log = GraphReader(logdir=[str(tmp_path / "runs")])
    (run,) = log.runs()
    graph.unlink()
    graph.symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("{}")
    with pytest.raises(OSError, match="vdlgraph"):
        log.get_graph(run)


def test_the_folder_itself_may_be_a_link(reader, tmp_path):
    write(tmp_path / "disk" / "own")
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    assert points(reader(tmp_path / "runs"), tmp_path / "runs" / "own") == [0, 1, 2, 3, 4]


def test_one_tag_for_two_kinds_does_not_stop_the_others(reader, tmp_path):
    path = write(tmp_path / "bad", steps=2)
    write(tmp_path / "good")
    record = record_pb2.Record()
    record.values.add(id=7, tag="x").text.encoded_text_string = "a"
    body = record.SerializeToString()
    with open(path, "ab") as file:
        file.write(struct.pack("<Q", len(body)) + body)
    log = reader(tmp_path)
    assert points(log, tmp_path / "bad") == [0, 1]
    assert points(log, tmp_path / "good") == [0, 1, 2, 3, 4]


def test_embeddings_of_a_run_that_was_added_are_listed(reader, tmp_path):
    """VisualDL's own list ends at the first that it listed before."""

    def add(name):
        with BoardWriter(tmp_path / name) as writer:
            writer.embeddings("block7", np.ones((4, 2)), {"class": ["x"] * 4})

    add("first")
    log = reader(tmp_path)
    want = [{"name": "first/block7", "shape": [4, 2]}]
    assert log_reader.list_embeddings(log) == want
    add("second")
    log.load_new_data()
    want.append({"name": "second/block7", "shape": [4, 2]})
    assert log_reader.list_embeddings(log) == want
    # What the page then asks for, by name.
    vectors = np.frombuffer(lib.get_embedding_tensors(log, "second/block7"), np.float32)
    assert vectors.tolist() == [1.0] * 8
    assert lib.get_embedding_labels(log, "second/block7").split() == ["class", *"xxxx"]


def test_runs_are_named_by_their_folders_in_order(reader, tmp_path):
    for name in ("b", "a/2", "a/10"):
        write(tmp_path / name)
    assert lib.get_runs(reader(tmp_path)) == ["a/10", "a/2", "b"]
    assert lib.get_runs(reader(tmp_path / "b")) == ["b"]  # the folder itself is the run


def test_links_are_counted_as_passed_over(tmp_path):
    write(tmp_path / "elsewhere")
    runs = tmp_path / "runs"
    write(runs / "own")
    (runs / "link").symlink_to(tmp_path / "elsewhere")
    (runs / "file").mkdir()
    (runs / "file" / visualdl_patches.LOG_NAME).symlink_to(tmp_path / "elsewhere")
    found, passed = log_reader.find_runs(runs)
    assert found == ["own"]
    assert passed == [str(runs / "file" / visualdl_patches.LOG_NAME), str(runs / "link")]
    assert log_reader.find_runs(tmp_path / "runs" / "file")[0] == []


def test_a_log_does_not_choose_the_name_of_its_run(reader, tmp_path):
    with LogWriter(str(tmp_path / "own"), display_name="another") as writer:
        writer.add_scalar("x", 1.0, 1)
    assert lib.get_runs(reader(tmp_path)) == ["own"]


def test_metrics_of_the_table_are_rounded_and_runs_named(reader, tmp_path):
    with BoardWriter(tmp_path / "own") as writer:
        writer.hparams({"lr": 0.1}, ["top1"])
        writer.scalar("top1", 0.4, 1)
    (row,) = lib.get_hparam_list(reader(tmp_path))
    assert (row["name"], row["metrics"]) == ("own", {"top1": 0.4})

"""Each fault of VisualDL, and its workaround."""

import errno
import shutil

import numpy as np
import pytest
from paddle import nn
from visualdl import LogReader

from paddle_alexnet import MODELS, build_model
from paddle_alexnet.board import visualdl_patches
from paddle_alexnet.board.visualdl_patches import LogFile, curve_points, pr_rates, roc_rates
from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.errors import RunError
from paddle_alexnet.nets import lrn as lrn_module
from paddle_alexnet.nets.lrn import LRN_KINDS


def read(logdir):
    return LogReader(file_path=str(logdir / visualdl_patches.LOG_NAME))


def test_hparams_of_any_type_are_kept(tmp_path):
    values = {
        "flag": True,
        "rate": np.float32(0.5),
        "count": np.int64(3),
        "list": [1, 2],
        "none": None,
        "text": "花",
    }
    with BoardWriter(tmp_path) as writer:
        writer.hparams(values, ["val/top1"])
        writer.scalar("val/top1", 0.5, 1)
    record = read(tmp_path).get_data("hyper_parameters", "hparam")[0].hparam
    names = [info.name for info in record.hparamInfos]
    assert names == list(values)
    assert record.metricInfos[0].name == "val/top1"


def test_names_on_the_board_are_one_line_without_html(tmp_path):
    name = "<img src=x onerror=alert(1)>\n100%\x1b\udcff"
    shown = r"‹img src=x onerror=alert(1)›\n100_\u001b\udcff"
    with BoardWriter(tmp_path) as writer:
        writer.hparams({"data.root": name}, ["val/top1"])
        writer.scalar(name, 1, 1)
        writer.image(f"of {name}", np.zeros((2, 2, 3), np.uint8), 1)
        writer.curves(name, np.array([True, False]), np.array([0.2, 0.1]), 1)
    reader = read(tmp_path)
    assert len(reader.get_data("scalar", shown)) == 1
    assert len(reader.get_data("image", f"of {shown}")) == 1
    for kind in ("pr", "roc"):
        assert len(reader.get_data(f"{kind}_curve", f"{kind}/{shown}")) == 1
    record = reader.get_data("hyper_parameters", "hparam")[0].hparam
    assert record.hparamInfos[0].string_value == shown


def test_images_are_neither_changed_nor_brightened(tmp_path):
    dark = np.zeros((6, 7, 3), np.uint8)
    dark[0, 0] = 1
    dark.flags.writeable = False
    with BoardWriter(tmp_path) as writer:
        writer.image("dark", dark, 0)  # the stock call fails on read-only arrays
        writer.image("one", np.full((6, 7, 3), (10, 200, 30), np.uint8), 0)
    import cv2

    for tag, want in (("dark", (2, 2, 2)), ("one", (10, 200, 30))):
        data = read(tmp_path).get_data("image", tag)[0].image.encoded_image_string
        rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert tuple(rgb[0, 0].tolist()) == want
    assert dark[0, 0, 0] == 1
    with pytest.raises(ValueError, match="uint8"):
        visualdl_patches.image_copy(np.zeros((2, 2, 3), np.float32))


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_an_incomplete_record_is_removed_before_more_is_written(tmp_path, cut):
    with BoardWriter(tmp_path) as writer:
        for step in range(5):
            writer.scalar("x", step, step)
    path = tmp_path / visualdl_patches.LOG_NAME
    path.write_bytes(path.read_bytes()[:-cut])
    with BoardWriter(tmp_path) as writer:
        writer.scalar("x", 9, 9)
    assert [p.id for p in read(tmp_path).get_data("scalar", "x")] == [0, 1, 2, 3, 9]


def test_a_complete_log_is_not_truncated(tmp_path):
    with BoardWriter(tmp_path) as writer:
        writer.scalar("x", 1, 1)
    assert visualdl_patches.cut_partial_record(tmp_path / visualdl_patches.LOG_NAME) == 0
    assert visualdl_patches.cut_partial_record(tmp_path / "no.log") == 0


def test_nothing_is_lost_after_flush_and_close(tmp_path):
    writer = BoardWriter(tmp_path)
    for step in range(500):
        writer.scalar("x", step, step)
    writer.flush()
    size = (tmp_path / visualdl_patches.LOG_NAME).stat().st_size
    assert len(read(tmp_path).get_data("scalar", "x")) == 500
    writer.close()
    writer.close()
    assert (tmp_path / visualdl_patches.LOG_NAME).stat().st_size == size


def test_opening_again_appends_to_the_one_log(tmp_path, capsys):
    for step in (1, 2):
        with BoardWriter(tmp_path) as writer:
            writer.scalar("x", step, step)
    assert [p.name for p in tmp_path.iterdir()] == [visualdl_patches.LOG_NAME]
    assert [p.id for p in read(tmp_path).get_data("scalar", "x")] == [1, 2]
    assert capsys.readouterr().out == ""


def test_curves_are_written_with_all_their_points(tmp_path):
    rng = np.random.default_rng(0)
    with BoardWriter(tmp_path) as writer:
        writer.curves("daisy", rng.random(50) < 0.4, rng.random(50), 1)
    reader = read(tmp_path)
    roc = reader.get_data("roc_curve", "roc/daisy")[0].roc_curve
    # Threshold 0 accepts all; VisualDL's own has 20/30 there.
    assert (roc.tpr[0], roc.fpr[0], len(roc.tpr)) == (1.0, 1.0, 127)
    pr = reader.get_data("pr_curve", "pr/daisy")[0].pr_curve
    # Threshold 1 accepts none; VisualDL's own draws a line to (0, 0).
    assert (pr.precision[-1], pr.recall[-1], len(pr.recall)) == (1.0, 0.0, 127)


def test_points_of_curves_are_counted_one_by_one():
    labels = np.array([1, 1, 0, 1, 0, 0], bool)
    scores = np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.1])
    roc = curve_points(labels, scores, 11, rates=roc_rates)
    pr = curve_points(labels, scores, 11, rates=pr_rates)
    for i, threshold in enumerate(np.linspace(0, 1, 11)):
        chosen = [bool(s >= threshold) for s in scores]
        true = sum(c and y for c, y in zip(chosen, labels, strict=True))
        false = sum(c and not y for c, y in zip(chosen, labels, strict=True))
        counts = [roc[key][i] for key in ("tp", "fp", "fn", "tn")]
        assert counts == [true, false, 3 - true, 3 - false]
        assert (roc["tpr"][i], roc["fpr"][i]) == pytest.approx((true / 3, false / 3))
        precision = true / (true + false) if true + false else 1
        assert (pr["precision"][i], pr["recall"][i]) == pytest.approx((precision, true / 3))
    empty = curve_points(np.zeros(4, bool), scores[:4], rates=roc_rates)
    assert set(empty["tpr"]) == {0.0}


def test_histograms_leave_out_what_is_not_finite(tmp_path):
    with BoardWriter(tmp_path) as writer:
        writer.histogram("a", np.array([1.0, 2.0, np.nan, np.inf]), 1)
        writer.histogram("none", np.array([np.nan]), 1)
    (record,) = read(tmp_path).get_data("histogram", "a")
    assert (sum(record.histogram.hist), len(record.histogram.hist)) == (2, 64)
    assert read(tmp_path).get_tags()["histogram"] == ["a"]


def test_vectors_that_the_page_shows_wrongly_are_refused(tmp_path):
    with BoardWriter(tmp_path) as writer, pytest.raises(ValueError, match="200"):
        writer.embeddings("x", np.zeros((3, 201)), {"class": ["a", "b", "c"]})


@pytest.mark.parametrize(
    ("name", "lrn"),
    [*((name, "fused") for name in MODELS), *(("alexnet_2012", lrn) for lrn in LRN_KINDS)],
)
def test_every_net_writes_its_graph(tmp_path, name, lrn):
    net = build_model(name, 3, lrn=lrn, width=0.02)
    power = lrn_module.inverse_power
    with BoardWriter(tmp_path) as writer:
        writer.graph(net, [-1, 3, net.input_size, net.input_size])
    (graph,) = tmp_path.glob("vdlgraph.*")
    assert graph.read_text().count("conv2d") >= (2 if name.startswith("cifar") else 5)
    assert lrn_module.inverse_power is power


def test_the_graph_is_written_and_the_net_left_alone(tmp_path):
    net = nn.Sequential(nn.Conv2D(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    net.train()
    name = net.full_name()
    with BoardWriter(tmp_path) as writer:
        writer.graph(net, [-1, 3, 8, 8])
    (graph,) = tmp_path.glob("vdlgraph.*")
    text = graph.read_text()
    assert "conv2d" in text
    assert "relu" in text
    assert net.training
    assert net.full_name() == name


class FullDisk:
    """A file on a disk with room for some more bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        written = self.file.write(data[: self.room])
        self.room -= written
        if not written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 7])
def test_a_record_is_written_completely_or_not_at_all(tmp_path, room):
    file = LogFile(tmp_path / "log")
    file.write(b"first record")
    file._file = FullDisk(file._file, room)
    file.write(b"second record")
    file.write(b"third")
    assert isinstance(file.error, OSError)
    file.close()
    assert file.closed
    assert (tmp_path / "log").read_bytes() == b"first record"


def test_a_full_disk_is_an_error_and_the_log_stays_readable(tmp_path):
    writer = BoardWriter(tmp_path)
    writer.scalar("a", 1.0, 1)
    writer.flush()
    full = writer._file._file = FullDisk(writer._file._file, 5)
    writer.scalar("a", 2.0, 2)
    with pytest.raises(RunError, match=r"cannot write .*vdlrecords\.main\.log"):
        writer.flush()
    writer.close()
    assert full.closed
    with BoardWriter(tmp_path) as writer:  # with free space again
        writer.scalar("a", 3.0, 3)
    points = LogReader(file_path=str(writer.path)).get_data("scalar", "a")
    assert [p.id for p in points] == [1, 3]


def test_a_removed_folder_is_not_made_again(tmp_path):
    folder = tmp_path / "run"
    writer = BoardWriter(folder)
    shutil.rmtree(folder)
    writer.scalar("a", 1.0, 1)
    writer.flush()
    writer.close()
    assert not folder.exists()

"""What a run writes to its board, read with VisualDL's own reader."""

import dataclasses

import numpy as np
import paddle
import pytest
from visualdl import LogReader

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.synthetic_flowers import draw_flower_folder
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log import panels
from paddle_alexnet.log.board_log import hyper_parameters
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.panels import panel_epochs, principal_components, spread
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.nets.registry import MODELS, Model
from paddle_alexnet.results.classification import class_figures
from paddle_alexnet.storage.tensors import read_tensors
from paddle_alexnet.training.train import open_run
from tests.conftest import TINY, TINY_SIDE
from tests.tiny_run import tiny_config, tiny_run

CLASSES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
BLOCKS = tuple(f"block{n}" for n in range(1, 8))
CURVES = {
    *("1-epoch/top1_val", "1-epoch/loss_val", "1-epoch/top1_train", "1-epoch/loss_train"),
    *("2-step/loss", "2-step/top1", "2-step/lr", "9-speed/batch_cost"),
    *("9-speed/img_per_second_train", "9-speed/img_per_second_val", "9-speed/reader_cost"),
}
FULL = {
    "scalar": CURVES
    | {f"3-classes/{name}" for name in CLASSES}
    | {f"4-dead_relus/{name}" for name in BLOCKS},
    "image": {
        *("images/train", "images/val", "images/mistakes", "images/least_certain"),
        *("filters/conv1", "confusion/counts", "confusion/fractions"),
    },
    "histogram": {
        f"{kind}/{name}"
        for kind in ("weights", "gradients", "activations")
        for name in (*BLOCKS, "out_fc")
    },
    "text": {"text/configuration", "text/environment", "text/data", "text/classes"},
    "pr_curve": {f"pr/{name}" for name in CLASSES},
    "roc_curve": {f"roc/{name}" for name in CLASSES},
    "embeddings": {"block7"},
    "hyper_parameters": {"hparam"},
}
EPOCHS = 2


def board(directory):
    return LogReader(file_path=str(directory.path / "vdlrecords.main.log"))


def tags(directory):
    found = {kind: set(names) for kind, names in board(directory).get_tags().items()}
    return {
        kind: {name.replace("%2F", "/") for name in names}
        for kind, names in found.items()
        if kind != "meta_data"
    }


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """A folder of flowers with val images of every class."""
    root = tmp_path_factory.mktemp("data") / "flowers"
    draw_flower_folder(root, per_species=20)
    return root


@pytest.fixture(scope="module")
def runs(flowers, tmp_path_factory):
    """The same run with a full and with a basic log."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        preprocessing = Preprocessing(input_size=TINY_SIDE, resize=36)
        patch.setitem(MODELS, "tiny", Model(TINY, preprocessing))
        yield {
            level: tiny_run(flowers, root / level, log={"level": level}, train={"epochs": EPOCHS})
            for level in ("full", "basic")
        }


def test_a_full_log_has_exactly_these_tags(runs):
    directory = runs["full"].directory
    assert tags(directory) == FULL
    assert [path.name for path in directory.path.glob("vdlgraph*")] == ["vdlgraph.main.log"]


def test_a_basic_log_has_curves_and_hyper_parameters(runs):
    directory = runs["basic"].directory
    assert tags(directory) == {"scalar": CURVES, "hyper_parameters": {"hparam"}}
    assert not list(directory.path.glob("vdlgraph*"))


def test_the_level_changes_no_weight_and_no_metric(runs):
    full, basic = (runs[level].directory for level in ("full", "basic"))
    ours, theirs = (read_tensors(run.state)[0] for run in (full, basic))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for row, other in zip(*(read_metrics(run.metrics) for run in (full, basic)), strict=True):
        for key in ("train/loss", "train/top1", "val/loss", "val/top1", "val/top5"):
            assert row[key] == other[key]


def test_curves_hold_the_metrics_of_every_epoch(runs):
    rows = read_metrics(runs["full"].directory.metrics)
    reader = board(runs["full"].directory)
    for key, tag in (("val/top1", "1-epoch/top1_val"), ("train/loss", "1-epoch/loss_train")):
        points = [(p.id, p.value) for p in reader.get_data("scalar", tag)]
        assert points == [(row["epoch"], pytest.approx(row[key])) for row in rows]


def test_the_last_table_and_curves_are_those_of_the_last_weights(runs, flowers):
    """By the weights in the file, on images read anew; there is no average in this run."""
    run = runs["full"]
    classifier = Classifier.load(run.directory.best)
    val = run.log.board.panels.data.val
    scores = classifier.scores([val.image(i) for i in range(len(val))])
    labels = np.array([val.label(i) for i in range(len(val))])
    step = run.state.best_epoch
    reader = board(run.directory)
    recalls = [
        point.value
        for name in CLASSES
        for point in reader.get_data("scalar", f"3-classes/{name}")
        if point.id == step
    ]
    figures = class_figures(labels, scores.argmax(axis=1), scores)
    assert recalls == pytest.approx([row.recall for row in figures])
    for label, name in enumerate(CLASSES):
        (curve,) = [p for p in reader.get_data("roc_curve", f"roc/{name}") if p.id == step]
        middle = 63  # of 127 thresholds: 0.5
        chosen, of_class = scores[:, label] >= 0.5, labels == label
        counts = (curve.roc_curve.TP[middle], curve.roc_curve.FP[middle])
        assert counts == ((chosen & of_class).sum(), (chosen & ~of_class).sum())
    text = reader.get_data("text", "text/classes")[step - 1].text.encoded_text_string
    assert f"{figures[0].f1:.3f}" in text.split("\n")[1]


def test_embeddings_have_a_row_for_each_val_image(runs):
    run = runs["full"]
    data = run.log.board.panels.data
    (record,) = board(run.directory).get_data("embeddings", "block7")
    rows = record.embeddings.embeddings
    assert [row.label[0] for row in rows] == [
        data.classes[data.val.label(i)] for i in range(len(data.val))
    ]
    assert list(record.embeddings.label_meta) == ["class", "predicted", "image"]
    assert len(rows[0].vectors) == min(32, len(rows))  # fc7 of the net has 32 units


def test_hyper_parameters_have_no_dots(runs):
    (record,) = board(runs["full"].directory).get_data("hyper_parameters", "hparam")
    names = {info.name for info in record.hparam.hparamInfos}
    assert names == {
        *("net", "width", "init", "lrn", "lr", "batch", "epochs", "decay", "dropout", "seed"),
    }
    values = {info.name: info for info in record.hparam.hparamInfos}
    assert values["init"].string_value == "he"
    assert values["dropout"].float_value == pytest.approx(0.2)
    metrics = {info.name for info in record.hparam.metricInfos}
    assert metrics == {"1-epoch/top1_val", "1-epoch/loss_val"} <= CURVES


def test_changes_are_columns_where_they_are_set(tmp_path):
    changes = {"towers": 1, "norm": "none"}
    config = tiny_config(tmp_path, model={"name": "alexnet", "changes": changes})
    values = hyper_parameters(config, paddle.nn.Linear(2, 2))
    assert (values["changed towers"], values["changed norm"]) == ("1", "none")


def test_a_run_that_goes_on_has_its_embeddings_once(flowers, tiny, tmp_path):
    config = tiny_config(flowers, tmp_path / "run", log={"level": "full"})
    first = open_run(config)
    first.fit()
    longer = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=2))
    open_run(longer, resume=RunDirectory.existing(tmp_path / "run")).fit()
    reader = board(first.directory)
    assert len(reader.get_data("embeddings", "block7")) == 1
    assert [p.id for p in reader.get_data("image", "images/val")] == [1, 2]
    assert len(reader.get_data("text", "text/data")) == 1


def test_of_many_classes_the_worst_are_shown(flowers, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(panels, "MANY_CLASSES", 2)
    run = tiny_run(flowers, tmp_path / "run", log={"level": "full"})
    data = run.log.board.panels.data
    classifier = Classifier.load(run.directory.best)
    scores = classifier.scores([data.val.image(i) for i in range(len(data.val))])
    labels = np.array([data.val.label(i) for i in range(len(data.val))])
    rows = class_figures(labels, scores.argmax(axis=1), scores)
    worst = sorted(range(5), key=lambda label: rows[label].f1)[:2]
    shown = {CLASSES[label] for label in worst}
    got = tags(run.directory)
    assert got["pr_curve"] == {f"pr/{name}" for name in shown}
    assert {tag for tag in got["scalar"] if tag.startswith("3-")} == {
        f"3-classes/{name}" for name in shown
    }
    assert not any(tag.startswith("confusion") for tag in got["image"])
    lines = (run.directory.path / "confusion.csv").read_text().splitlines()
    confusion = np.array([line.split(",") for line in lines], int)
    assert confusion.sum() == len(labels)
    assert np.trace(confusion) == (scores.argmax(axis=1) == labels).sum()


def test_a_graph_that_cannot_be_made_does_not_end_the_run(
    flowers, tiny, tmp_path, monkeypatch, caplog
):
    def fail(net):
        raise RuntimeError("an operator of a kind of its own")

    monkeypatch.setattr("paddle_alexnet.board.visualdl_patches.graph_copy", fail)
    run = tiny_run(flowers, tmp_path / "run", log={"level": "full"})
    assert "an operator of a kind of its own" in caplog.text
    assert tags(run.directory) == FULL


@pytest.mark.parametrize(
    ("epochs", "want"), [(1, {1}), (3, {1, 2, 3}), (10, set(range(1, 11))), (90, None)]
)
def test_panels_come_after_at_most_ten_epochs(epochs, want):
    got = panel_epochs(epochs)
    assert len(got) == min(epochs, 10)
    assert {1, epochs} <= got
    assert want is None or got == want


def test_images_are_spread_over_the_whole_set():
    assert spread(100, 3) == [0, 49, 99]
    assert spread(2, 8) == [0, 1]


def test_components_keep_all_distances_where_none_is_cut():
    rows = np.random.default_rng(0).standard_normal((20, 30))
    got = principal_components(rows)
    assert got.shape == (20, 20)
    want = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(got[:, None] - got[None], axis=2), want, atol=1e-9)
    assert (np.diff(got.var(axis=0)) <= 1e-12).all()  # the largest first

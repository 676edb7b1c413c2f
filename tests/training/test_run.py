"""A whole run of a tiny net on drawn flowers: what it leaves, and going on with it."""

import json
from pathlib import Path

import numpy as np
import paddle
import pytest
from visualdl import LogReader

from paddle_alexnet import FlowerFolder
from paddle_alexnet.config.load import make_config, read_config
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import ConfigError, DataError, RunError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description, net_arrays, read_weights, write_weights
from paddle_alexnet.storage.tensors import read_tensors
from paddle_alexnet.training.assembly_old import assemble
from paddle_alexnet.training.freed_memory import FreedMemory
from paddle_alexnet.training.loop import Interrupted

CONFIGS = Path(__file__).parents[2] / "configs"
TINY_SIDE = 32
EPOCHS = 3
STEPS = 7  # an epoch, of 8 images each


@pytest.fixture
def settings(flowers, tiny):
    return {
        "data": {"root": str(flowers)},
        "augment": {"brightness": 0.2, "hue": 0.1},
        "model": {"name": tiny},
        "train": {"epochs": EPOCHS, "batch_size": 8, "log_every_steps": 2, "device": "cpu"},
        "optimizer": {"lr": 0.02, "nesterov": True, "weight_decay": 1e-4, "average": 0.9},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
    }


def changed(settings, **sections):
    return make_config({k: {**settings.get(k, {}), **sections.get(k, {})} for k in ALL})


ALL = ("data", "augment", "model", "train", "optimizer", "schedule")


def start(config, path, **more):
    return assemble(config, lambda: RunDirectory.create(path, "test"), **more)


def go_on(config, path):
    return assemble(config, lambda: RunDirectory.existing(path), resume=True)


def arrays(path):
    return read_tensors(path)[0]


def assert_equal_arrays(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name], err_msg=name)


def test_what_a_run_leaves(settings, tmp_path, capfd):
    config = changed(settings)
    trainer, run = start(config, tmp_path / "run", cpu_speed={"cores": 2})
    assert isinstance(trainer.callbacks[0], FreedMemory)
    trainer.fit()
    assert read_config(run.config) == config
    environment = json.loads(run.environment.read_text())
    assert environment["packages"]["numpy"] == np.__version__
    assert {"command", "python", "commit", "machine", "device", "cpu_speed"} <= environment.keys()
    assert json.loads(run.class_index.read_text())["0"] == "daisy"

    rows = read_metrics(run.metrics)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    wanted = {"step", "lr", "train/loss", "train/top1", "val/loss", "val/top1", "val/top5"}
    assert all(wanted <= row.keys() for row in rows)

    _, description = read_weights(run.best)
    best = max(rows, key=lambda row: row["val/top1"])  # the first of equals
    assert description.training["epoch"] == best["epoch"]
    assert description.training["val/top1"] == best["val/top1"]
    assert description.classes == ("daisy", "dandelion", "roses", "sunflowers", "tulips")

    reader = LogReader(file_path=str(run.path / "vdlrecords.main.log"))
    tags = reader.get_tags()
    assert set(rows[0]) - {"epoch"} <= {tag.replace("%2F", "/") for tag in tags["scalar"]}
    # Every second update, and the last of an epoch.
    logged = [n for n in range(1, 3 * STEPS + 1) if n % 2 == 0 or n % STEPS == 0]
    for tag in ("step/loss", "step/lr", "step/top1", "step/img_per_second", "step/reader_cost"):
        assert [p.id for p in reader.get_data("scalar", tag)] == logged
    points = reader.get_data("scalar", "val/top1")
    assert [p.value for p in points] == pytest.approx([row["val/top1"] for row in rows])
    for tag in ("panels/train", "panels/val"):
        assert len(reader.get_data("image", tag)) == EPOCHS
    assert "hparam" in str(tags)

    lines = capfd.readouterr().err.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == EPOCHS  # no bar: not a terminal


def test_the_best_weights_give_the_val_figures_again(settings, tmp_path, flowers):
    from paddle_alexnet import FlowerFolder

    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    classifier = Classifier.load(run.best)
    val = FlowerFolder(flowers, "val")
    images, labels = zip(*(val[i] for i in range(len(val))), strict=True)
    top1 = (classifier.scores(images).argmax(axis=1) == np.array(labels)).mean()
    assert top1 == classifier.description.training["val/top1"]


@pytest.mark.parametrize("stop_after", [2, STEPS, 9])  # in an epoch, at its end, and in the next
@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_stopped_run_ends_as_one_that_was_not(settings, tmp_path, stop_after, schedule):
    config = changed(settings, schedule={"name": schedule, "patience": 0})
    trainer, whole = start(config, tmp_path / "whole")
    assert trainer.steps_per_epoch == STEPS
    trainer.fit()

    steps = []
    trainer, part = start(config, tmp_path / "part", should_stop=lambda: len(steps) >= stop_after)
    trainer.callbacks[1].on_update = lambda *args: steps.append(args)
    with pytest.raises(Interrupted):
        trainer.fit()
    resumed, _ = go_on(config, part.path)
    assert resumed.progress.step == stop_after
    resumed.fit()
    assert_equal_arrays(arrays(part.state), arrays(whole.state))
    assert_equal_arrays(arrays(part.best), arrays(whole.best))
    figures = ("epoch", "step", "lr", "train/loss", "train/top1", "val/loss", "val/top1")
    rows = [[[r[k] for k in figures] for r in read_metrics(x.metrics)] for x in (part, whole)]
    assert rows[0] == rows[1]


def test_a_stopped_run_keeps_its_loss_scale(settings, tmp_path):
    """As with train.amp=float16, which a CPU has not: two updates overflow, one each side."""

    def overflow(trainer):
        # Told by the step, so that the run that goes on sees the same.
        trainer.net.out_fc.weight.register_hook(
            lambda g: g * np.inf if trainer.progress.step in (1, 4) else g
        )
        trainer.scale_loss = True
        return trainer

    config = changed(settings)
    trainer, whole = start(config, tmp_path / "whole")
    overflow(trainer).fit()
    steps = []
    trainer, part = start(config, tmp_path / "part", should_stop=lambda: len(steps) >= 3)
    trainer.callbacks[1].on_update = lambda *args: steps.append(args)
    with pytest.raises(Interrupted):
        overflow(trainer).fit()
    resumed, _ = go_on(config, part.path)
    assert (resumed.progress.loss_scale.value, resumed.progress.loss_scale.good) == (2.0**14, 1)
    overflow(resumed).fit()
    assert_equal_arrays(arrays(part.state), arrays(whole.state))
    scales = [json.loads(read_tensors(x.state)[1]["progress"])["loss_scale"] for x in (part, whole)]
    assert scales[0] == scales[1] == {"value": 2.0**13, "good": 3 * STEPS - 5}


@pytest.mark.gpu
@pytest.mark.skipif(not paddle.device.cuda.device_count(), reason="PaddlePaddle sees no GPU")
@pytest.mark.parametrize(("amp", "near"), [("none", 0.01), ("float16", 0.05)])
def test_a_run_on_a_gpu_goes_on_and_learns_what_the_cpu_does(settings, tmp_path, amp, near):
    config = changed(settings, model={"dropout": 0.0}, data={"mean": "image"})
    trainer, cpu = start(config, tmp_path / "cpu")
    trainer.fit()

    config = changed(
        settings,
        model={"dropout": 0.0},
        data={"mean": "image"},
        train={"device": "gpu", "amp": amp},
    )
    steps = []
    trainer, run = start(config, tmp_path / "gpu", should_stop=lambda: len(steps) >= 3)
    trainer.callbacks[1].on_update = lambda *args: steps.append(args)
    with pytest.raises(Interrupted):
        trainer.fit()
    resumed, _ = go_on(config, run.path)
    assert resumed.progress.step == 3
    assert resumed.scale_loss == (amp == "float16")
    resumed.fit()
    got, want = ([r["train/loss"] for r in read_metrics(x.metrics)] for x in (run, cpu))
    assert got == pytest.approx(want, rel=near)
    assert len(got) == EPOCHS
    Classifier.load(run.best)


def test_channels_last_leave_the_same_weights(settings, tmp_path, flowers):
    """The file says nothing of it: infer, eval and export build the net without."""
    sums = []
    for last in (False, True):
        config = changed(settings, train={"channels_last": last, "compile": "none"})
        trainer, run = start(config, tmp_path / str(last))
        assert trainer.net.channels_last == last
        trainer.fit()
        sums.append(arrays(run.state))
    for name, array in sums[0].items():
        np.testing.assert_allclose(sums[1][name], array, rtol=1e-3, atol=1e-4, err_msg=name)
    loaded = Classifier.load(run.best)
    assert not loaded.net.channels_last
    picture = read_image(str(next((flowers / "daisy").iterdir())))
    twin = build_model(settings["model"]["name"], 5, channels_last=True, blank=True)
    twin.set_state_dict(loaded.net.state_dict())
    scores = Classifier(twin, loaded.description).scores([picture])
    np.testing.assert_allclose(scores, loaded.scores([picture]), atol=1e-6)


def test_epochs_that_the_state_does_not_know_are_not_doubled(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    text = run.metrics.read_text()
    fourth = text.splitlines()[-1].replace('"epoch": 3', '"epoch": 4')
    run.metrics.write_text(f'{text}{fourth}\n{{"epo')
    trainer, _ = assemble(changed(settings), lambda: run, resume=True)
    trainer.fit()  # nothing left to do
    assert run.metrics.read_text() == text


def test_fine_tuning_starts_from_all_but_the_last_layer(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    model = {"pretrained": str(run.best), "skip_head": True}
    tuned, _ = start(changed(settings, model=model, train={"seed": 5}), tmp_path / "tuned")
    got, want = dict(tuned.net.named_parameters()), arrays(run.best)
    np.testing.assert_array_equal(got["block1.0.weight"].numpy(), want["block1.0.weight"])
    assert not np.array_equal(got["out_fc.weight"].numpy(), want["out_fc.weight"])


def test_weights_of_another_net_or_of_other_classes_are_refused(settings, tmp_path):
    def weights(name, classes, width=1.0):
        path = tmp_path / f"{name}{classes}.safetensors"
        description = Description(
            name, tuple(map(str, range(classes))), MODELS[name].preprocessing, width=width
        )
        write_weights(path, net_arrays(build_model(name, classes, width=width)), description)
        return str(path)

    for path, words in (
        (weights("alexnet", 5, 0.02), "holds alexnet of width 0.02, but model.name is tiny"),
        (weights("tiny", 3), "knows 3 classes, the data has 5: model.skip_head=true"),
    ):
        with pytest.raises(WeightsError, match=words):
            start(changed(settings, model={"pretrained": path}), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_mistakes_are_named_and_leave_no_run(settings, tmp_path, write_png):
    write_png(tmp_path / "one" / "a" / "1.png", np.random.default_rng(0))
    for sections, error, words in (
        ({"data": {"root": str(tmp_path / "no")}}, DataError, "not a folder"),
        ({"data": {"root": str(tmp_path / "one")}}, DataError, "only one class"),
        ({"model": {"name": "lenet"}}, ConfigError, "alexnet"),
        ({"model": {"name": "alexnet", "lrn": "no"}}, ConfigError, "unknown"),
        ({"model": {"name": "alexnet", "init": "no"}}, ConfigError, "unknown init"),
        ({"model": {"num_classes": 7}}, ConfigError, "5 classes"),
        ({"model": {"pretrained": "no.safetensors"}}, WeightsError, "no.safetensors"),
        ({"train": {"device": "gpu"}}, ConfigError, "GPU"),
        ({"train": {"device": "gpu:77"}}, ConfigError, "GPU"),
        ({"train": {"amp": "bfloat16"}}, ConfigError, "train.amp: bfloat16 needs a GPU"),
        ({"train": {"amp": "float16"}}, ConfigError, "train.amp: float16 needs a GPU"),
    ):
        with pytest.raises(error, match=words):
            start(changed(settings, **sections), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_one_class_is_not_enough(settings, tmp_path, write_png):
    for i in range(40):
        write_png(tmp_path / "one" / "daisy" / f"{i}.png", np.random.default_rng(i))
    with pytest.raises(DataError, match=r"only one class \(daisy\)"):
        start(changed(settings, data={"root": str(tmp_path / "one")}), tmp_path / "run")


def test_a_run_is_never_overwritten(settings, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match=r"not empty.*overwritten: choose another run\.dir"):
        start(changed(settings), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "state.safetensors").touch()
    with pytest.raises(RunError, match="go on with --resume"):
        start(changed(settings), tmp_path)


def test_run_directories_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [RunDirectory.create(None, "alexnet").path.name for _ in range(3)]
    assert names == ["alexnet", "alexnet-2", "alexnet-3"]


def test_what_is_no_run_cannot_be_resumed(settings, tmp_path):
    with pytest.raises(RunError, match=r"config\.yml is missing"):
        RunDirectory.existing(tmp_path)


def test_a_damaged_state_is_named_and_the_one_before_it_taken(settings, tmp_path, caplog):
    config = changed(settings)
    trainer, whole = start(config, tmp_path / "whole")
    trainer.fit()
    trainer, run = start(config, tmp_path / "run")
    trainer.fit()
    data = bytearray(run.state.read_bytes())
    data[len(data) // 2] ^= 1
    run.state.write_bytes(data)
    trainer, _ = go_on(config, run.path)
    assert trainer.progress.epoch == EPOCHS - 1
    assert run.damaged_state.exists() and not run.state.exists()  # never to be kept as previous
    assert f"{run.state} " in caplog.text and f"going on from {run.previous_state}" in caplog.text
    trainer.fit()
    assert_equal_arrays(arrays(run.state), arrays(whole.state))
    assert [r["epoch"] for r in read_metrics(run.metrics)] == list(range(1, EPOCHS + 1))
    run.state.write_bytes(b"damaged")
    run.previous_state.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"state\.previous\.safetensors .*damaged"):
        go_on(config, run.path)
    run.previous_state.unlink()
    with pytest.raises(WeightsError, match=r"state\.safetensors .*damaged"):
        go_on(config, run.path)


def test_killed_between_two_renames_the_state_before_is_taken(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    run.state.unlink()
    trainer, _ = go_on(changed(settings), run.path)
    assert trainer.progress.epoch == EPOCHS - 1


def test_a_second_run_in_a_directory_is_refused(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    with pytest.raises(RunError, match=f"another process trains in {run.path}"):
        go_on(changed(settings), run.path)
    with pytest.raises(RunError, match="not empty"):
        start(changed(settings), run.path)
    trainer.fit()
    go_on(changed(settings), run.path)


def test_what_a_killed_run_was_writing_is_cleared_away(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    part = run.path / ".state.safetensors.123.part"
    part.touch()
    go_on(changed(settings), run.path)
    assert not part.exists()
    # Killed before its configuration was there: nothing that could be overwritten.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".config.yml.123.part").touch()
    start(changed(settings), tmp_path / "other")


def test_files_of_others_are_left_alone(settings, tmp_path):
    for name in (".thesis.part", ".state.safetensors.part", ".other.json.1.part"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("precious")
        with pytest.raises(RunError, match="not empty"):
            start(changed(settings), folder)
        assert (folder / name).read_text() == "precious"


def test_a_run_with_results_does_not_start_again(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    for path in (run.state, run.previous_state):
        path.unlink()
    text = run.metrics.read_text()
    with pytest.raises(RunError, match=r"state is missing: .*model\.pretrained=.*best"):
        go_on(changed(settings), run.path)
    assert run.metrics.read_text() == text


def test_a_directory_that_was_replaced_is_not_written_to(settings, tmp_path):
    trainer, run = start(changed(settings), tmp_path / "run")
    run.path.rename(tmp_path / "elsewhere")
    run.path.mkdir()
    with pytest.raises(RunError, match="removed or replaced"):
        trainer.fit()
    assert not run.best.exists() and not run.has_state()


def test_a_start_that_fails_lets_the_directory_go(settings, tmp_path, monkeypatch):
    """A second start in the same process is not refused for the first one's lock."""
    config = changed(settings)

    def fail(*_, **__):
        raise RunError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("paddle_alexnet.training.assembly_old.BoardLog", fail)
        with pytest.raises(RunError, match="no room") as kept:
            start(config, tmp_path / "run")
    assert kept.tb is not None  # as long as it lives, so does what it tells of: the first start
    trainer, _ = go_on(config, tmp_path / "run")
    trainer.fit()


def test_history_that_is_lost_is_said(settings, tmp_path, caplog):
    trainer, run = start(changed(settings), tmp_path / "run")
    trainer.fit()
    run.metrics.write_text("")
    go_on(changed(settings), run.path)
    assert f"{run.metrics} has 0 bytes, but had" in caplog.text


def test_a_state_is_not_weights_and_weights_are_no_state(settings, tmp_path):
    trainer, run = start(changed(settings, train={"epochs": 2}), tmp_path / "run")
    trainer.fit()
    with pytest.raises(WeightsError, match=r"best\.safetensors"):
        read_weights(run.state)
    run.best.replace(run.state)
    with pytest.raises(WeightsError, match="not the state"):
        assemble(changed(settings), lambda: run, resume=True)


def test_training_never_looks_at_the_test_pictures(settings, tmp_path, flowers, monkeypatch):
    seen = set()

    def read_and_note(path, max_pixels):
        seen.add(str(path))
        return read_image(path, max_pixels)

    monkeypatch.setattr("paddle_alexnet.data.sources.read_image", read_and_note)
    trainer, _ = start(changed(settings, train={"epochs": 2}), tmp_path / "run")
    trainer.fit()
    listing = list_images(flowers)
    assert seen == {path for split in ("train", "val") for path, _ in listing.select(split)}


def test_going_on_needs_no_pretrained_file_and_notes_the_environment(settings, tmp_path):
    trainer, first = start(changed(settings, train={"epochs": 2}), tmp_path / "first")
    trainer.fit()
    config = changed(settings, model={"pretrained": str(first.best)}, train={"epochs": 2})
    trainer, run = start(config, tmp_path / "run")
    trainer.fit()
    first.best.unlink()
    assemble(config, lambda: run, resume=True, cpu_speed={"cores": 7})
    again = json.loads((run.path / "environment-2.json").read_text())
    assert again["machine"]["cores"] == 7


def test_a_run_that_saved_nothing_starts_again(settings, tmp_path):
    config = changed(settings)
    trainer, whole = start(config, tmp_path / "whole")
    trainer.fit()

    def fail(*args):
        raise KeyboardInterrupt  # as good as a kill: nothing is saved

    trainer, run = start(config, tmp_path / "run")
    trainer.callbacks[-1].on_epoch = fail  # best weights, metrics and curves are there
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert run.best.exists() and not run.has_state()
    trainer, _ = go_on(config, run.path)
    trainer.fit()
    assert_equal_arrays(arrays(run.state), arrays(whole.state))
    assert [r["epoch"] for r in read_metrics(run.metrics)] == [1, 2, 3]
    points = LogReader(file_path=str(run.path / "vdlrecords.main.log")).get_data(
        "scalar", "step/loss"
    )
    want = LogReader(file_path=str(whole.path / "vdlrecords.main.log")).get_data(
        "scalar", "step/loss"
    )
    assert [(p.id, p.value) for p in points] == [(p.id, p.value) for p in want]


def test_a_narrow_net_is_used_again_as_it_was_trained(settings, tmp_path):
    trainer, run = start(changed(settings, model={"width": 0.5}), tmp_path / "run")
    trainer.fit()
    classifier = Classifier.load(run.best)
    assert classifier.description.width == 0.5
    assert [s.channels for s in classifier.net.design.stages] == [4, 6, 6, 6, 8]
    with pytest.raises(WeightsError, match=r"width 0\.5.*model\.width 1\.0"):
        start(changed(settings, model={"pretrained": str(run.best)}), tmp_path / "other")


def test_mean_picture_and_colour_noise_go_through_a_run(settings, tmp_path, flowers):
    """Measured, stored, used again on going on, and by whoever gets the weights."""
    config = changed(
        settings,
        data={"mean": "image"},
        augment={"color_noise": "krizhevsky2012", "crop": "random"},
    )
    trainer, whole = start(config, tmp_path / "whole")
    trainer.fit()
    squares = FlowerFolder(flowers, "train", Preprocessing(TINY_SIDE, 36).square)
    pictures = np.stack([squares[i][0] for i in range(len(squares))]).astype(float)
    stored = arrays(whole.pixels)
    np.testing.assert_allclose(stored["mean_image"], pictures.mean(axis=0), rtol=1e-9)
    covariance = np.cov(pictures.reshape(-1, 3).T, bias=True)
    np.testing.assert_allclose(stored["covariance"], covariance, rtol=1e-6)
    components = stored["components"]
    np.testing.assert_allclose(
        covariance @ components, components * stored["variances"], rtol=1e-6, atol=1e-6
    )
    classifier = Classifier.load(whole.best)
    x = paddle.to_tensor(pictures[:2, 2:34, 2:34].astype(np.uint8))
    want = pictures[:2, 2:34, 2:34] - pictures.mean(axis=0)[2:34, 2:34]
    got = classifier.normalize(x).numpy().transpose(0, 2, 3, 1) * 255
    np.testing.assert_allclose(got * MODELS["tiny"].preprocessing.std, want, atol=1e-3)

    stopping = iter([False] * 9 + [True] * 99)
    trainer, run = start(config, tmp_path / "stopped", should_stop=lambda: next(stopping))
    with pytest.raises(Interrupted):
        trainer.fit()
    trainer, _ = assemble(config, lambda: RunDirectory.existing(run.path), resume=True)
    trainer.fit()
    assert_equal_arrays(arrays(run.state), arrays(whole.state))


def test_the_imagenet_configuration_on_a_small_set_in_that_layout(tmp_path, write_png):
    """Its loading and a few steps, with a narrow net."""
    rng = np.random.default_rng(0)
    lines = {"train": [], "val": []}
    for split, count in (("train", 12), ("val", 4)):
        for i in range(count):
            write_png(tmp_path / split / f"n{i:08}" / f"{i}.png", rng, 60, 70)
            lines[split].append(f"{split}/n{i:08}/{i}.png {i * 80}\n")
        (tmp_path / f"{split}_list.txt").write_text("".join(lines[split]))
    config = read_config(
        CONFIGS / "imagenet" / "alexnet_2012.yml",
        [
            f"data.root={tmp_path}",
            f"data.train_list={tmp_path}/train_list.txt",
            f"data.val_list={tmp_path}/val_list.txt",
            "data.workers=1",
            "model.width=0.05",
            "train.batch_size=8",
            "train.epochs=1",
            "train.device=cpu",
        ],
    )
    trainer, run = start(config, tmp_path / "run")
    assert (trainer.schedule.at(0), trainer.batches.images) == (0.01, 12)
    before = trainer.net.block1[0].weight.numpy()
    trainer.fit()
    assert trainer.progress.step == 2
    assert np.abs(trainer.net.block1[0].weight.numpy() - before).max() > 0
    classifier = Classifier.load(run.best)
    assert len(classifier.classes) == 1000
    assert classifier.description.mean_image.shape == (224, 224, 3)

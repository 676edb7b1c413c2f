"""A whole run of a tiny net on drawn flowers: what it leaves, and resuming it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest
from visualdl import LogReader

from paddle_alexnet import FlowerFolder
from paddle_alexnet.config.load import read_config
from paddle_alexnet.config.schema import RunConfig
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
from paddle_alexnet.training.train import Interrupted, open_run
from tests.tiny_run import tiny_config

CONFIGS = Path(__file__).parents[2] / "configs"
TINY_SIDE = 32
EPOCHS = 3
STEPS = 7  # an epoch, of 8 images each


@pytest.fixture
def settings(flowers, tiny):
    return {
        "root": flowers,
        "augment": {"brightness": 0.2, "hue": 0.1},
        "train": {"epochs": EPOCHS, "log_every_steps": 2},
        "optimizer": {"lr": 0.02, "nesterov": True, "weight_decay": 1e-4, "average": 0.9},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
    }


def changed(settings, **sections):
    own = {key: value for key, value in settings.items() if key != "root"}
    merged = {key: {**own.get(key, {}), **sections.get(key, {})} for key in {**own, **sections}}
    return tiny_config(settings["root"], **merged)


def start(config, path, **more):
    run = open_run(replace(config, run=RunConfig(dir=str(path))), **more)
    return run, run.directory


def resume(config, path, **more):
    run = open_run(config, resume=RunDirectory.existing(path), **more)
    return run, run.directory


def arrays(path):
    return read_tensors(path)[0]


def assert_equal_arrays(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name], err_msg=name)


def test_what_a_run_leaves(settings, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("paddle_alexnet.log.run_log.SILENCE", 0)
    config = changed(settings, log={"level": "full"})
    run, directory = start(config, tmp_path / "run", cpu_settings={"cores": 2})
    run.fit()
    assert read_config(directory.config) == run.config
    assert replace(run.config, run=config.run) == config
    environment = json.loads(directory.environment.read_text())
    assert environment["packages"]["numpy"] == np.__version__
    assert {"command", "python", "commit", "machine", "device", "cpu_speed"} <= environment.keys()
    assert json.loads(directory.class_index.read_text())["0"] == "daisy"

    rows = read_metrics(directory.metrics)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    wanted = {"step", "lr", "train/loss", "train/top1", "val/loss", "val/top1", "val/top5"}
    assert all(wanted <= row.keys() for row in rows)

    _, description = read_weights(directory.best)
    best = max(rows, key=lambda row: row["val/top1"])  # the first of equals
    assert description.training["epoch"] == best["epoch"]
    assert description.training["val/top1"] == best["val/top1"]
    assert description.classes == ("daisy", "dandelion", "roses", "sunflowers", "tulips")

    reader = LogReader(file_path=str(directory.path / "vdlrecords.main.log"))
    tags = reader.get_tags()
    # Every second update, and the last of an epoch.
    logged = [n for n in range(1, 3 * STEPS + 1) if n % 2 == 0 or n % STEPS == 0]
    for tag in ("2-step/loss", "2-step/lr", "2-step/top1", "9-speed/batch_cost"):
        assert [p.id for p in reader.get_data("scalar", tag)] == logged
    points = reader.get_data("scalar", "1-epoch/top1_val")
    assert [p.value for p in points] == pytest.approx([row["val/top1"] for row in rows])
    assert len(reader.get_data("image", "images/val")) == EPOCHS
    assert "hparam" in str(tags)

    lines = capfd.readouterr().err.splitlines()
    # No bar: not a terminal.
    assert sum(line.startswith("epoch ") for line in lines) == EPOCHS
    assert sum(line.startswith("step ") for line in lines) == len(logged)
    assert "top-5" not in lines[-1]  # of five classes


def test_the_best_weights_give_the_val_figures_again(settings, tmp_path, flowers):
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    classifier = Classifier.load(directory.best)
    val = FlowerFolder(flowers, "val")
    images, labels = zip(*(val[i] for i in range(len(val))), strict=True)
    top1 = (classifier.scores(images).argmax(axis=1) == np.array(labels)).mean()
    assert top1 == classifier.description.training["val/top1"]


@pytest.mark.parametrize("stop_after", [2, STEPS, 9])  # in an epoch, at its end, and in the next
@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_stopped_run_ends_as_one_that_was_not_stopped(settings, tmp_path, stop_after, schedule):
    config = changed(settings, schedule={"name": schedule, "patience": 0})
    run, whole = start(config, tmp_path / "whole")
    assert run.steps_per_epoch == STEPS
    run.fit()

    run, part = start(
        config, tmp_path / "part", should_stop=lambda: run.state.step >= stop_after - 1
    )
    with pytest.raises(Interrupted):
        run.fit()
    resumed, _ = resume(config, part.path)
    assert resumed.state.step == stop_after
    resumed.fit()
    assert_equal_arrays(arrays(part.state), arrays(whole.state))
    assert_equal_arrays(arrays(part.best), arrays(whole.best))
    figures = ("epoch", "step", "lr", "train/loss", "train/top1", "val/loss", "val/top1")
    rows = [[[r[k] for k in figures] for r in read_metrics(x.metrics)] for x in (part, whole)]
    assert rows[0] == rows[1]


def test_a_stopped_run_keeps_its_loss_scale(settings, tmp_path):
    """As with train.amp=float16, which a CPU has not: two updates overflow, one each side."""

    def overflow(run):
        # Told by the step, so that the run that goes on sees the same.
        run.net.out_fc.weight.register_hook(lambda g: g * np.inf if run.state.step in (1, 4) else g)
        run.config = replace(run.config, train=replace(run.config.train, amp="float16"))
        return run

    config = changed(settings)
    run, whole = start(config, tmp_path / "whole")
    overflow(run).fit()
    run, part = start(config, tmp_path / "part", should_stop=lambda: run.state.step >= 2)
    with pytest.raises(Interrupted):
        overflow(run).fit()
    resumed, _ = resume(config, part.path)
    assert (resumed.state.loss_scale.value, resumed.state.loss_scale.good_steps) == (2.0**14, 1)
    overflow(resumed).fit()
    assert_equal_arrays(arrays(part.state), arrays(whole.state))
    scales = [json.loads(read_tensors(x.state)[1]["progress"])["loss_scale"] for x in (part, whole)]
    assert scales[0] == scales[1] == {"value": 2.0**13, "good_steps": 3 * STEPS - 5}


@pytest.mark.gpu
@pytest.mark.skipif(not paddle.device.cuda.device_count(), reason="PaddlePaddle sees no GPU")
@pytest.mark.parametrize(("amp", "near"), [("none", 0.01), ("float16", 0.05)])
def test_a_run_on_a_gpu_resumes_and_learns_what_the_cpu_does(settings, tmp_path, amp, near):
    config = changed(settings, model={"dropout": 0.0}, data={"mean": "image"})
    run, cpu = start(config, tmp_path / "cpu")
    run.fit()

    config = changed(
        settings,
        model={"dropout": 0.0},
        data={"mean": "image"},
        train={"device": "gpu", "amp": amp},
    )
    run, directory = start(config, tmp_path / "gpu", should_stop=lambda: run.state.step >= 2)
    with pytest.raises(Interrupted):
        run.fit()
    resumed, _ = resume(config, directory.path)
    assert resumed.state.step == 3
    resumed.fit()
    got, want = ([r["train/loss"] for r in read_metrics(x.metrics)] for x in (directory, cpu))
    assert got == pytest.approx(want, rel=near)
    assert len(got) == EPOCHS
    Classifier.load(directory.best)


def test_channels_last_leave_the_same_weights(settings, tmp_path, flowers):
    """The file says nothing of it: infer, eval and export build the net without."""
    sums = []
    for last in (False, True):
        config = changed(settings, train={"channels_last": last, "compile": "none"})
        run, directory = start(config, tmp_path / str(last))
        assert run.net.data_format == ("NHWC" if last else "NCHW")
        run.fit()
        sums.append(arrays(directory.state))
    for name, array in sums[0].items():
        np.testing.assert_allclose(sums[1][name], array, rtol=1e-3, atol=1e-4, err_msg=name)
    loaded = Classifier.load(directory.best)
    assert loaded.net.data_format == "NCHW"
    image = read_image(str(next((flowers / "daisy").iterdir())))
    twin = build_model("tiny", 5, channels_last=True, blank=True)
    twin.set_state_dict(loaded.net.state_dict())
    scores = Classifier(twin, loaded.description).scores([image])
    np.testing.assert_allclose(scores, loaded.scores([image]), atol=1e-6)


def test_epochs_after_the_checkpoint_are_not_logged_twice(settings, tmp_path):
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    text = directory.metrics.read_text()
    fourth = text.splitlines()[-1].replace('"epoch": 3', '"epoch": 4')
    directory.metrics.write_text(f'{text}{fourth}\n{{"epo')
    run, _ = resume(changed(settings), directory.path)
    run.fit()  # nothing left to do
    assert directory.metrics.read_text() == text


def test_fine_tuning_starts_from_all_but_the_last_layer(settings, tmp_path):
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    model = {"pretrained": str(directory.best), "skip_head": True}
    tuned, _ = start(changed(settings, model=model, train={"seed": 5}), tmp_path / "tuned")
    got, want = dict(tuned.net.named_parameters()), arrays(directory.best)
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
        (weights("alexnet", 5, 0.02), r"alexnet5\.safetensors .*width 0\.02.*model\.name is tiny"),
        (weights("tiny", 3), r"3 classes, .* 5: model\.skip_head"),
    ):
        with pytest.raises(WeightsError, match=words):
            start(changed(settings, model={"pretrained": path}), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_mistakes_name_the_key_and_leave_no_directory(settings, tmp_path, write_png):
    write_png(tmp_path / "one" / "a" / "1.png", np.random.default_rng(0))
    for sections, error, words in (
        ({"data": {"root": str(tmp_path / "no")}}, DataError, "not a folder"),
        ({"data": {"root": str(tmp_path / "one")}}, DataError, "one"),
        ({"model": {"name": "lenet"}}, ConfigError, "alexnet"),
        ({"model": {"name": "alexnet", "lrn": "no"}}, ConfigError, r"model\.lrn: unknown 'no'"),
        ({"model": {"name": "alexnet", "init": "no"}}, ConfigError, r"model\.init: unknown 'no'"),
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
    with pytest.raises(DataError, match=r"only one class \('daisy'\)"):
        start(changed(settings, data={"root": str(tmp_path / "one")}), tmp_path / "run")


def test_a_run_is_never_overwritten(settings, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match=r"not empty.*overwritten: choose another run\.dir"):
        start(changed(settings, data={"root": "no"}), tmp_path)  # before images are read
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "state.safetensors").touch()
    with pytest.raises(RunError, match=r"--resume"):
        start(changed(settings), tmp_path)


def test_run_directories_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [RunDirectory.create(None, "alexnet").path.name for _ in range(3)]
    assert names == ["alexnet", "alexnet-2", "alexnet-3"]
    names = [RunDirectory.create(None, "net_v1.5").path.name for _ in range(2)]
    assert names == ["net_v1.5", "net_v1.5-2"]


def test_only_the_directory_of_a_run_can_be_resumed(settings, tmp_path):
    with pytest.raises(RunError, match=r"config\.yml is missing"):
        RunDirectory.existing(tmp_path)


def test_after_a_damaged_checkpoint_the_one_before_is_used(settings, tmp_path, caplog):
    config = changed(settings)
    run, whole = start(config, tmp_path / "whole")
    run.fit()
    run, directory = start(config, tmp_path / "run")
    run.fit()
    data = bytearray(directory.state.read_bytes())
    data[len(data) // 2] ^= 1
    directory.state.write_bytes(data)
    run, _ = resume(config, directory.path)
    assert run.state.epoch == EPOCHS - 1
    assert (
        directory.damaged_state.exists() and not directory.state.exists()
    )  # never to be kept as previous
    assert (
        f"{directory.state} " in caplog.text
        and f"continuing from {directory.previous_state}" in caplog.text
    )
    run.fit()
    assert_equal_arrays(arrays(directory.state), arrays(whole.state))
    assert [r["epoch"] for r in read_metrics(directory.metrics)] == list(range(1, EPOCHS + 1))
    directory.state.write_bytes(b"damaged")
    directory.previous_state.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"state\.previous\.safetensors .*damaged"):
        resume(config, directory.path)
    directory.previous_state.unlink()
    with pytest.raises(WeightsError, match=r"state\.safetensors .*damaged"):
        resume(config, directory.path)


def test_killed_between_two_renames_the_checkpoint_before_is_used(settings, tmp_path):
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    directory.state.unlink()
    run, _ = resume(changed(settings), directory.path)
    assert run.state.epoch == EPOCHS - 1


def test_a_second_run_in_a_directory_is_refused(settings, tmp_path):
    run, directory = start(changed(settings), tmp_path / "run")
    with pytest.raises(RunError, match=f"another process trains in {directory.path}"):
        resume(changed(settings), directory.path)
    with pytest.raises(RunError, match="not empty"):
        start(changed(settings), directory.path)
    run.fit()
    resume(changed(settings), directory.path)


def test_what_a_killed_run_was_writing_is_cleared_away(settings, tmp_path):
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    part = directory.path / ".state.safetensors.123.part"
    part.touch()
    resume(changed(settings), directory.path)
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
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    for path in (directory.state, directory.previous_state):
        path.unlink()
    text = directory.metrics.read_text()
    with pytest.raises(RunError, match=r"checkpoint is missing: .*model\.pretrained=.*best"):
        resume(changed(settings), directory.path)
    assert directory.metrics.read_text() == text


def test_a_directory_that_was_replaced_is_not_written_to(settings, tmp_path):
    run, directory = start(changed(settings), tmp_path / "run")
    directory.path.rename(tmp_path / "elsewhere")
    directory.path.mkdir()
    with pytest.raises(RunError, match="removed or replaced"):
        run.fit()
    assert not directory.best.exists() and not directory.has_state()


def test_a_start_that_fails_releases_the_directory(settings, tmp_path, monkeypatch):
    """A second start in the same process is not refused for the first one's lock."""
    config = changed(settings)

    def fail(*_, **__):
        raise RunError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("paddle_alexnet.log.run_log.BoardLog", fail)
        with pytest.raises(RunError, match="no room") as kept:
            start(config, tmp_path / "run")
    assert kept.tb is not None  # as long as it lives, so does what it tells of: the first start
    run, _ = resume(config, tmp_path / "run")
    run.fit()


def test_a_log_that_became_shorter_is_reported(settings, tmp_path, caplog):
    run, directory = start(changed(settings), tmp_path / "run")
    run.fit()
    directory.metrics.write_text("")
    resume(changed(settings), directory.path)
    assert f"{directory.metrics} has 0 bytes, but had" in caplog.text


def test_a_checkpoint_is_not_weights_and_weights_are_not_a_checkpoint(settings, tmp_path):
    run, directory = start(changed(settings, train={"epochs": 2}), tmp_path / "run")
    run.fit()
    with pytest.raises(WeightsError, match=r"best\.safetensors"):
        read_weights(directory.state)
    directory.best.replace(directory.state)
    with pytest.raises(WeightsError, match=r"state\.safetensors is not the checkpoint"):
        resume(changed(settings), directory.path)


def test_training_never_reads_the_test_images(settings, tmp_path, flowers, monkeypatch):
    seen = set()

    def read_and_note(path, **limits):
        seen.add(str(path))
        return read_image(path, **limits)

    monkeypatch.setattr("paddle_alexnet.data.sources.read_image", read_and_note)
    run, _ = start(changed(settings, train={"epochs": 2}), tmp_path / "run")
    run.fit()
    listing = list_images(flowers)
    assert seen == {path for split in ("train", "val") for path, _ in listing.select(split)}


def test_resuming_needs_no_pretrained_file_and_records_the_environment(settings, tmp_path):
    run, first = start(changed(settings, train={"epochs": 2}), tmp_path / "first")
    run.fit()
    config = changed(settings, model={"pretrained": str(first.best)}, train={"epochs": 2})
    run, directory = start(config, tmp_path / "run")
    run.fit()
    first.best.unlink()
    resume(config, directory.path, cpu_settings={"cores": 7})
    again = json.loads((directory.path / "environment-2.json").read_text())
    assert again["machine"]["cores"] == 7


def test_a_run_that_saved_nothing_starts_again(settings, tmp_path):
    config = changed(settings)
    run, whole = start(config, tmp_path / "whole")
    run.fit()

    def fail(*args):
        raise KeyboardInterrupt  # as good as a kill: nothing is saved

    run, directory = start(config, tmp_path / "run")
    run._save = fail  # best weights, metrics and curves are there
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    assert directory.best.exists() and not directory.has_state()
    run, _ = resume(config, directory.path)
    run.fit()
    assert_equal_arrays(arrays(directory.state), arrays(whole.state))
    assert [r["epoch"] for r in read_metrics(directory.metrics)] == [1, 2, 3]
    points = LogReader(file_path=str(directory.path / "vdlrecords.main.log")).get_data(
        "scalar", "2-step/loss"
    )
    want = LogReader(file_path=str(whole.path / "vdlrecords.main.log")).get_data(
        "scalar", "2-step/loss"
    )
    assert [(p.id, p.value) for p in points] == [(p.id, p.value) for p in want]


def test_a_narrow_net_is_used_again_as_it_was_trained(settings, tmp_path):
    run, directory = start(changed(settings, model={"width": 0.5}), tmp_path / "run")
    run.fit()
    classifier = Classifier.load(directory.best)
    assert classifier.description.width == 0.5
    assert [stage[0].channels for stage in classifier.net.stages[:5]] == [4, 6, 6, 6, 8]
    with pytest.raises(WeightsError, match=r"width 0\.5.*model\.width 1\.0"):
        start(changed(settings, model={"pretrained": str(directory.best)}), tmp_path / "other")


def test_mean_image_and_colour_noise_in_a_run(settings, tmp_path, flowers):
    """Measured, stored, used again on resuming, and by whoever gets the weights."""
    config = changed(
        settings,
        data={"mean": "image"},
        augment={"color_noise": "krizhevsky2012", "crop": "random"},
    )
    run, whole = start(config, tmp_path / "whole")
    run.fit()
    squares = FlowerFolder(flowers, "train", Preprocessing(TINY_SIDE, 36).square)
    images = np.stack([squares[i][0] for i in range(len(squares))]).astype(float)
    stored = arrays(whole.pixels)
    np.testing.assert_allclose(stored["mean_image"], images.mean(axis=0), rtol=1e-9)
    covariance = np.cov(images.reshape(-1, 3).T, bias=True)
    np.testing.assert_allclose(stored["covariance"], covariance, rtol=1e-6)
    components = stored["components"]
    np.testing.assert_allclose(
        covariance @ components, components * stored["variances"], rtol=1e-6, atol=1e-6
    )
    classifier = Classifier.load(whole.best)
    x = paddle.to_tensor(images[:2, 2:34, 2:34].astype(np.uint8))
    want = images[:2, 2:34, 2:34] - images.mean(axis=0)[2:34, 2:34]
    got = classifier.normalize(x).numpy().transpose(0, 2, 3, 1) * 255
    np.testing.assert_allclose(got * MODELS["tiny"].preprocessing.std, want, atol=1e-3)

    stopping = iter([False] * 9 + [True] * 99)
    run, directory = start(config, tmp_path / "stopped", should_stop=lambda: next(stopping))
    with pytest.raises(Interrupted):
        run.fit()
    run, _ = resume(config, directory.path)
    run.fit()
    assert_equal_arrays(arrays(directory.state), arrays(whole.state))


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
    run, directory = start(config, tmp_path / "run")
    assert (run.schedule.lr(0), run.batches.images) == (0.01, 12)
    before = run.net.block1[0].weight.numpy()
    run.fit()
    assert run.state.step == 2
    assert np.abs(run.net.block1[0].weight.numpy() - before).max() > 0
    classifier = Classifier.load(directory.best)
    assert len(classifier.classes) == 1000
    assert classifier.description.mean_image.shape == (224, 224, 3)

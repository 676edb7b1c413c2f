"""Classifying files."""

import json
import os

import numpy as np
import pytest

from paddle_alexnet.data.decode import read_file, read_image
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import DataError, WeightsError
from paddle_alexnet.inference import predict
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.predict import Failure, find_images, predict_files
from paddle_alexnet.nets.registry import build_model
from paddle_alexnet.nets.weights import Description, net_arrays, write_weights

CLASSES = ("daisy", "雏菊", "roses")


@pytest.fixture
def weights(tiny, tmp_path):
    description = Description(tiny, CLASSES, Preprocessing(input_size=32, resize=36))
    write_weights(tmp_path / "w.safetensors", net_arrays(build_model(tiny, 3)), description)
    return tmp_path / "w.safetensors"


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_scores_are_the_softmax_of_the_net_on_preprocessed_images(weights, flowers):
    import paddle

    classifier = Classifier.load(weights)
    images = [read_image(path) for path in find_images([str(flowers / "daisy")])[:5]]
    p = classifier.preprocessing
    batch = np.stack([p(image) for image in images]).astype(float)
    inputs = ((batch / 255 - p.mean) / p.std).transpose(0, 3, 1, 2).astype(np.float32)
    want = softmax(classifier.net(paddle.to_tensor(inputs)).numpy().astype(float))
    np.testing.assert_allclose(classifier.scores(images), want, rtol=1e-4, atol=1e-6)


def test_files_in_order_with_bad_ones_named(weights, flowers, tmp_path):
    good = find_images([str(flowers)])[:7]
    (tmp_path / "bad.jpg").write_text("no image")
    files = [*good[:3], str(tmp_path / "bad.jpg"), *good[3:], str(tmp_path / "gone.jpg")]
    classifier = Classifier.load(weights)
    results = list(predict_files(classifier, files, topk=2, batch_size=3))
    assert [result.file_name for result, _ in results] == files
    failures = [result for result, _ in results if isinstance(result, Failure)]
    assert [f.file_name for f in failures] == [files[3], files[-1]]
    assert "decode" in failures[0].reason
    assert "No such file" in failures[1].reason
    for (result, image), name in zip(results, files, strict=True):
        if isinstance(result, Failure):
            assert image is None
            continue
        row = classifier.scores([read_image(name)])[0]
        order = sorted(range(3), key=lambda i: -row[i])[:2]
        assert result.class_ids == order
        assert result.scores == pytest.approx(sorted(row.tolist(), reverse=True)[:2], rel=1e-5)
        assert result.label_names == [CLASSES[i] for i in order]
        assert json.loads(json.dumps(result.to_json()))["scores"] == result.scores  # not rounded


def test_top_k_is_cut_to_the_classes(weights, flowers):
    files = find_images([str(flowers / "daisy")])[:1]
    ((result, _),) = predict_files(Classifier.load(weights), files, topk=50)
    assert sorted(result.class_ids) == [0, 1, 2]
    assert sum(result.scores) == pytest.approx(1.0, rel=1e-5)


def test_finding_images(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("b/2.png", "b/1.PNG", "b/sub/3.png", "[odd].png", "a.png"):
        write_png(tmp_path / name, rng)
    (tmp_path / "b" / "notes.txt").touch()

    def find(*names):
        return [
            p.removeprefix(f"{tmp_path}/") for p in find_images([f"{tmp_path}/{n}" for n in names])
        ]

    assert find("b") == ["b/1.PNG", "b/2.png", "b/sub/3.png"]
    assert find("*.png") == ["[odd].png", "a.png"]
    assert find("[odd].png") == ["[odd].png"]  # a name before a pattern
    assert find("a.png", "*.png") == ["a.png", "[odd].png"]  # once each
    assert find("**/*.png") == ["[odd].png", "a.png", "b/2.png", "b/sub/3.png"]
    write_png(tmp_path / "b" / ".hidden" / "4.png", rng)
    write_png(tmp_path / "b" / "._1.png", rng)
    assert find("b") == ["b/1.PNG", "b/2.png", "b/sub/3.png"]
    assert find_images([f"{tmp_path}/b"], leave_out=f"{tmp_path}/b/sub") == [
        f"{tmp_path}/b/1.PNG",
        f"{tmp_path}/b/2.png",
    ]
    for nothing in ("no.png", "no/*.jpg"):
        with pytest.raises(DataError, match="no image at"):
            find(nothing)


def test_folders_that_are_links_in_a_loop(tmp_path, write_png):
    """glob's own ** follows both links at every level: 2 ** 40 folders."""
    rng = np.random.default_rng(0)
    write_png(tmp_path / "a" / "b" / "1.png", rng)
    write_png(tmp_path / "[a]" / "2.png", rng)
    for name in ("up", "round"):
        (tmp_path / "a" / "b" / name).symlink_to("..")
    want = [f"{tmp_path}/a/b/1.png"]
    assert find_images([f"{tmp_path}/a"]) == want
    assert find_images([f"{tmp_path}/a/**"]) == want
    for pattern in ("a/**/*.png", "a/**/b/**/*.png", "**/1.*", "a/**/**/1.png"):
        assert find_images([f"{tmp_path}/{pattern}"]) == want
    assert find_images([f"{tmp_path}/**/*.png"]) == [f"{tmp_path}/[a]/2.png", *want]


def test_patterns_from_the_current_folder(tmp_path, write_png, monkeypatch):
    for name in ("1.png", "a/2.png", "a/.hidden/3.png", "a**/4.png"):
        write_png(tmp_path / name, np.random.default_rng(0))
    monkeypatch.chdir(tmp_path)
    assert find_images(["**/*.png"]) == ["1.png", "a**/4.png", "a/2.png"]
    assert find_images(["a**/*.png"]) == ["a**/4.png", "a/2.png"]  # ** within a name is *
    assert find_images(["./**/2.png"]) == ["./a/2.png"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, write_png, monkeypatch):
    write_png(tmp_path / "a" / "1.png", np.random.default_rng(0))
    scan = os.scandir

    def scandir(folder):
        if str(folder).endswith("a"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    for name in (str(tmp_path), f"{tmp_path}/**/*.png"):
        with pytest.raises(DataError, match=r"cannot look into .*a': Permission denied; mend"):
            find_images([name])


def test_large_images_are_held_one_at_a_time(weights, flowers, monkeypatch):
    files = find_images([str(flowers)])[:6]
    read, asked = [], []

    def read_and_note(name):
        read.append(name)
        return read_file(name)

    monkeypatch.setattr(predict, "read_file", read_and_note)
    monkeypatch.setattr(predict, "HELD_PIXELS", 2 * 65_536)  # the third exceeds it
    for _ in predict_files(Classifier.load(weights), files, batch_size=5):
        asked.append(len(read))
    assert asked == [3, 3, 3, 6, 6, 6]


def test_weights_of_a_net_that_is_not_known(tiny, tmp_path):
    description = Description("lenet", CLASSES, Preprocessing())
    write_weights(tmp_path / "w.safetensors", net_arrays(build_model(tiny, 3)), description)
    with pytest.raises(WeightsError, match=r"'lenet'.*alexnet"):
        Classifier.load(tmp_path / "w.safetensors")


def test_weights_with_another_number_of_classes(tiny, tmp_path):
    description = Description(tiny, CLASSES, Preprocessing(input_size=32, resize=36))
    write_weights(tmp_path / "w.safetensors", net_arrays(build_model(tiny, 4)), description)
    with pytest.raises(WeightsError, match=r"names 3 classes, but its last layer has shape \[4\]"):
        Classifier.load(tmp_path / "w.safetensors")


def test_weights_that_ask_for_other_images_than_the_net_takes(tiny, tmp_path):
    description = Description(tiny, CLASSES, Preprocessing(input_size=4096, resize=4096))
    write_weights(tmp_path / "w.safetensors", net_arrays(build_model(tiny, 3)), description)
    with pytest.raises(WeightsError, match="images of 4096 pixels go in, but tiny takes 32"):
        Classifier.load(tmp_path / "w.safetensors")


def test_a_million_classes_are_not_believed(tiny, tmp_path):
    """The net of a file that claims them is not made."""
    description = Description(tiny, ("",) * 10**6, Preprocessing(input_size=32, resize=36))
    write_weights(tmp_path / "w.safetensors", net_arrays(build_model(tiny, 3)), description)
    with pytest.raises(WeightsError, match=r"names 1,000,000 classes"):
        Classifier.load(tmp_path / "w.safetensors")


def test_weights_that_give_no_numbers(tiny, tmp_path):
    description = Description(tiny, CLASSES, Preprocessing(input_size=32, resize=36))
    arrays = {name: np.full_like(a, 3e38) for name, a in net_arrays(build_model(tiny, 3)).items()}
    write_weights(tmp_path / "w.safetensors", arrays, description)
    classifier = Classifier.load(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="not finite"):
        classifier.scores([np.full((40, 40, 3), 255, np.uint8)])

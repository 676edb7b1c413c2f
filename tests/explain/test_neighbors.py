"""The index of features: its file, its search against scikit-learn's, and files that are none."""

import dataclasses
import io

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from paddle_alexnet.data.dataset import ImageArrays
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.explain import neighbors
from paddle_alexnet.explain.neighbors import FeatureIndex
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import layer_features
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (37, 40, 50, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 3, 37)
CLASSES = ["daisy", "雏菊", "rose"]


@pytest.fixture
def classifier(tiny):
    net = build_model(tiny, 3)
    return Classifier(net, Description(tiny, tuple(CLASSES), MODELS[tiny].preprocessing))


@pytest.fixture
def index(classifier):
    return FeatureIndex.build(classifier, ImageArrays(IMAGES, LABELS), "block7", "sha256:ab")


@pytest.fixture
def made_index():
    """From features float [N, D], with one byte for each thumbnail."""

    def make(features):
        count = len(features)
        return FeatureIndex(
            *(features.astype(np.float16), np.zeros(count, np.uint8), np.arange(1, count + 1)),
            *(np.zeros(count, np.int64), [str(i) for i in range(count)], ["a"], "block7", "x"),
        )

    return make


def test_an_index_and_its_file(index, classifier, tmp_path):
    index.save(tmp_path / "index")
    opened = FeatureIndex.open(tmp_path / "index")
    assert not opened.features.flags.owndata
    inputs = np.stack([classifier.preprocessing(image) for image in IMAGES])
    features = layer_features(classifier, inputs, "block7")
    for each in (index, opened):
        # Batches of other sizes round differently, by at most one step of float16.
        np.testing.assert_allclose(each.features, features.astype(np.float16), 2**-10, 1e-6)
        assert each.features.dtype == np.float16
        np.testing.assert_array_equal(each.labels, LABELS)
        assert each.paths == [f"image {i}" for i in range(37)]
        assert (each.classes, each.layer, each.checksum) == (CLASSES, "block7", "sha256:ab")
        for place in (0, 1, 36):
            with Image.open(io.BytesIO(each.thumbnail(place))) as thumbnail:
                assert (thumbnail.format, thumbnail.size) == ("JPEG", (32, 32))
                difference = np.abs(np.asarray(thumbnail, int) - inputs[place]).mean()
            assert difference < 40  # of noise; another image differs by 85


def test_thumbnails_are_small():
    data = neighbors._thumbnail(np.zeros((600, 300, 3), np.uint8))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (96, 192)


def test_what_is_searched_for_is_nearest(index, classifier):
    inputs = np.stack([classifier.preprocessing(image) for image in IMAGES[[4, 11]]])
    for metric in neighbors.METRICS:
        indices, distances = index.nearest(layer_features(classifier, inputs, "block7"), 1, metric)
        assert indices.tolist() == [[4], [11]]
        assert distances.max() < 0.02  # float16


@pytest.mark.parametrize("metric", neighbors.METRICS)
@pytest.mark.parametrize("scale", [1.0, 300.0, 1e-5])  # also of numbers that are subnormal
def test_nearest_as_scikit_learn_finds_them(made_index, metric, scale, monkeypatch):
    """Over several chunks of rows and of queries; signs, zeros and the range of float16."""
    monkeypatch.setattr(neighbors, "CHUNK", 100)
    monkeypatch.setattr(neighbors, "QUERIES", 4)
    rng = np.random.default_rng(5)
    rows = (scale * rng.standard_normal((101, 9))).astype(np.float16)
    queries = scale * rng.standard_normal((10, 9)).astype(np.float32)
    queries[3] = rows[50]
    search = NearestNeighbors(metric=metric, algorithm="brute").fit(rows.astype(np.float64))
    wanted, places = search.kneighbors(queries.astype(np.float64), 7)
    indices, distances = made_index(rows).nearest(queries, 7, metric)
    np.testing.assert_array_equal(indices, places)
    assert (indices.dtype, distances.dtype) == (np.int64, np.float32)
    np.testing.assert_allclose(distances, wanted, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_near_duplicates_are_told_apart(made_index, metric):
    """Their distances differ by less than float32's squares show."""
    rng = np.random.default_rng(1)
    one = 10 * np.abs(rng.standard_normal(1024))
    near = one * (1 + 1e-3 * rng.standard_normal((30, 1024)))
    far = one * (1 + 0.1 * rng.standard_normal((300, 1024)))
    rows = np.concatenate([far, near]).astype(np.float16)
    search = NearestNeighbors(metric=metric, algorithm="brute").fit(rows.astype(np.float64))
    _, wanted = search.kneighbors(one.astype(np.float32)[None].astype(np.float64), 6)
    indices, _ = made_index(rows).nearest(one[None], 6, metric)
    np.testing.assert_array_equal(indices, wanted)


def test_float16_is_widened_exactly():
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    wanted = finite.astype(np.float32)
    got = neighbors._widen(finite)
    np.testing.assert_array_equal(got.view(np.uint32), wanted.view(np.uint32))


def test_an_image_without_active_features(made_index):
    rows = made_index(np.array([[0, 0], [1, 0], [-2, 0]]))
    indices, distances = rows.nearest(np.array([[3.0, 0], [0, 0]]), 9)
    np.testing.assert_allclose(distances, [[0, 1, 2], [1, 1, 1]])
    assert indices.tolist() == [[1, 0, 2], [0, 1, 2]]


def test_bad_searches(index):
    with pytest.raises(ConfigError, match=r"'l1'.*cosine, euclidean"):
        index.nearest(np.zeros((1, 32)), 3, "l1")
    with pytest.raises(ConfigError, match=r"32.*31.*block7"):
        index.nearest(np.zeros((1, 31)), 3)


def test_other_weights(index):
    index.check("sha256:ab")
    with pytest.raises(WeightsError, match=r"other weights.*sha256:ab.*sha256:cd") as error:
        index.check("sha256:cd")
    assert "\n" not in str(error.value)


def test_a_layer_that_is_not_there(classifier):
    with pytest.raises(ConfigError, match=r"'block8'.*block1"):
        FeatureIndex.build(classifier, ImageArrays(IMAGES, LABELS), "block8", "")


def test_features_beyond_float16(classifier):
    classifier.net.block7[0].bias.set_value(np.full(32, 1e6, np.float32))
    with pytest.raises(WeightsError, match=r"block7.*float16"):
        FeatureIndex.build(classifier, ImageArrays(IMAGES, LABELS), "block7", "")


def test_files_that_are_no_index(index, tmp_path):
    path = tmp_path / "index"
    with pytest.raises(DataError, match=r"no index .*--build"):
        FeatureIndex.open(path)
    path.write_bytes(b"not an index")
    with pytest.raises(DataError, match=f"{path} .*--build"):
        FeatureIndex.open(path)
    index.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=f"{path} "):
        FeatureIndex.open(path)
    path.write_bytes(whole)
    FeatureIndex.open(path)


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("features", np.zeros((36, 32), np.float16)),
        ("features", np.zeros((37, 32), np.float32)),
        ("features", np.zeros((37, 0), np.float16)),
        ("features", np.zeros(37, np.float16)),
        ("features", None),
        ("thumbnails", np.zeros(3, np.uint8)),
        ("thumbnails", None),
    ],
)
def test_parts_that_do_not_belong_together(index, tmp_path, array, value):
    path = tmp_path / "index"
    index.save(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    arrays = {k: v for k, v in {**arrays, array: value}.items() if v is not None}
    safetensors.numpy.save_file(arrays, path, metadata=metadata)
    with pytest.raises(DataError, match=array):
        FeatureIndex.open(path)


@pytest.mark.parametrize("ends", [np.arange(37), np.arange(36) + 1, np.arange(37)[::-1] + 1])
def test_ends_that_are_none(index, tmp_path, ends):
    dataclasses.replace(index, ends=ends).save(tmp_path / "index")
    with pytest.raises(DataError, match="thumbnails"):
        FeatureIndex.open(tmp_path / "index")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("labels", "[0, 1]"),
        ("labels", str([3] * 37)),
        ("labels", str([-1] * 37)),
        ("labels", "[0.5]"),
        ("labels", "["),
        ("paths", "{}"),
        ("paths", "[1]"),
        ("classes", "[]"),
        ("format", "pt"),
        ("layer", None),
        ("weights", None),
    ],
)
def test_damaged_metadata(index, tmp_path, key, text):
    path = tmp_path / "index"
    index.save(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = {k: v for k, v in {**file.metadata(), key: text}.items() if v is not None}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    safetensors.numpy.save_file(arrays, path, metadata=metadata)
    with pytest.raises(DataError, match=str(path)) as error:
        FeatureIndex.open(path)
    assert "\n" not in str(error.value)

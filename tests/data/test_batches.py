"""Batches: complete, in reproducible order, the same from any number of processes."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import paddle
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data import loader
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.dataset import (
    AugmentedDataset,
    ImageArrays,
    ImageFiles,
    MemoryCache,
    PreprocessedDataset,
)
from paddle_alexnet.data.dataset import collect as collect_samples
from paddle_alexnet.data.pixel_statistics import ColorNoise
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import ColorJitter, Compose, RandomResizedCrop, random_flip
from paddle_alexnet.errors import DataError

AUGMENTATION = Compose([RandomResizedCrop(16), random_flip, ColorJitter(0.3, hue=0.2)])


@pytest.fixture(scope="module")
def dataset(flowers):
    return FlowerFolder(flowers)


def make(dataset, **settings):
    return TrainingBatches(dataset, AUGMENTATION, **{"batch_size": 8, "seed": 3, **settings})


def collect(batches, epoch, first=0):
    return [(x.numpy(), y.numpy()) for x, y in batches.epoch(epoch, first)]


def assert_equal(a, b):
    assert len(a) == len(b)
    for (x, y), (v, w) in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, v)
        np.testing.assert_array_equal(y, w)


def test_an_epoch_has_every_image_once(dataset):
    batches = make(dataset)
    assert (len(batches), batches.images) == (7, 50)
    got = collect(batches, 0)
    assert [len(y) for _, y in got] == [8] * 6 + [2]
    assert got[0][0].dtype == np.uint8
    assert got[0][0].shape == (8, 16, 16, 3)
    labels = sorted(np.concatenate([y for _, y in got]).tolist())
    assert labels == sorted(label for _, label in dataset.samples)


def test_batches_are_integer_tensors(dataset):
    images, labels = next(make(dataset).epoch(0))
    assert (images.dtype, labels.dtype) == (paddle.uint8, paddle.int64)


def test_order_and_augmentation_depend_on_seed_and_epoch(dataset):
    first = collect(make(dataset), 1)
    assert_equal(first, collect(make(dataset), 1))
    assert not np.array_equal(first[0][0], collect(make(dataset), 0)[0][0])
    assert not np.array_equal(first[0][0], collect(make(dataset, seed=4), 1)[0][0])


def test_an_image_does_not_depend_on_its_batch(dataset):
    """Batches of any size give the same images."""
    small, large = (collect(make(dataset, batch_size=size), 2) for size in (5, 20))
    for part in (0, 1):
        np.testing.assert_array_equal(
            np.concatenate([batch[part] for batch in small]),
            np.concatenate([batch[part] for batch in large]),
        )


def test_starting_in_the_middle(dataset):
    whole = collect(make(dataset), 1)
    assert_equal(collect(make(dataset), 1, 3), whole[3:])
    assert collect(make(dataset), 1, 7) == []


def test_batches_do_not_depend_on_workers(dataset):
    assert_equal(collect(make(dataset, workers=2), 1), collect(make(dataset), 1))


def test_a_process_receives_only_its_part(dataset):
    """However many images there are, as in ImageNet's list."""
    augmented = make(dataset).augmented
    part = augmented.subset([4, 1])
    for place, index in enumerate((4, 1)):
        (image, label), (want, wanted) = part[place], augmented[index]
        assert label == wanted
        np.testing.assert_array_equal(image, want)
    small = len(pickle.dumps(part))
    augmented.dataset.samples = augmented.dataset.samples * 1000
    try:
        assert len(pickle.dumps(augmented.subset([4, 1]))) == small < 5000
    finally:
        augmented.dataset.samples = augmented.dataset.samples[:50]


@pytest.mark.parametrize("kind", ["files", "folder", "arrays", "evaluation"])
def test_loading_processes_do_not_import_paddle(dataset, kind):
    """They start in a fraction of the time, in every epoch."""
    dataset = {
        "files": ImageFiles(dataset.samples, read=MemoryCache(100)),
        "arrays": ImageArrays(np.zeros((9, 30, 30, 3), np.uint8), np.arange(9)),
    }.get(kind, dataset)
    whole = AugmentedDataset(dataset, AUGMENTATION, 3, ColorNoise(np.eye(3)).draw)
    if kind == "evaluation":
        whole = PreprocessedDataset(dataset, Preprocessing(input_size=16, resize=18))
    start, collect, part = loader._start_worker, collect_samples, whole.subset([4, 1])
    program = (
        "import pickle, sys; _, collect, part = pickle.load(sys.stdin.buffer); collect(part); "
        "sys.exit('paddle' in sys.modules)"
    )
    data = pickle.dumps((start, collect, part))
    subprocess.run([sys.executable, "-c", program], input=data, check=True)


def test_shares_of_processes_make_up_the_batch(dataset):
    whole = collect(make(dataset, batch_size=10), 2)
    for rank in range(3):
        share = collect(make(dataset, batch_size=10, share=(rank, 3)), 2)
        assert_equal(share, [(images[rank::3], labels[rank::3]) for images, labels in whole])


def test_augmented_has_what_the_net_sees(dataset):
    batches = make(dataset, batch_size=50)
    ((images, labels),) = collect(batches, 4)
    order = np.random.default_rng([3, 0, 4]).permutation(50)
    for place, index in enumerate(order[:5]):
        image, label = batches.augmented[int(index)]
        np.testing.assert_array_equal(image, images[place])
        assert label == labels[place]


def test_evaluation_is_in_order_and_repeatable(flowers):
    val, preprocessing = FlowerFolder(flowers, "val"), Preprocessing(input_size=16, resize=18)
    batches = EvaluationBatches(val, preprocessing, batch_size=2)
    for _ in range(2):
        got = [(x.numpy(), y.numpy()) for x, y in batches]
        assert [len(y) for _, y in got] == [2, 2, 1]
        images = np.concatenate([x for x, _ in got])
        np.testing.assert_array_equal(
            images, np.stack([preprocessing(val[i][0]) for i in range(5)])
        )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_goes_in_mid_run_is_named(tmp_path, write_png, workers):
    rng = np.random.default_rng(0)
    for i in range(4):
        write_png(tmp_path / "a" / f"{i}.png", rng)
    dataset = FlowerFolder(tmp_path, "all")
    (tmp_path / "a" / "2.png").unlink()
    with pytest.raises(DataError, match=r"2\.png"):
        collect(make(dataset, batch_size=2, workers=workers), 0)


def test_names_are_those_of_the_batches(dataset):
    batches = make(dataset)
    order = np.random.default_rng([3, 0, 2]).permutation(50)
    want = tuple(dataset.samples[index][0] for index in order[16:32])
    assert batches.names(2, 2, 2) == want


def test_leaving_an_epoch_early_ends_the_loading(dataset):
    before = threading.active_count()
    batches = make(dataset, batch_size=2).epoch(0)
    next(batches)
    batches.close()
    assert threading.active_count() == before

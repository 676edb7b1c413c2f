"""Batches: complete, in a told order, the same from any number of processes."""

import pickle
import subprocess
import sys

import numpy as np
import paddle
import pytest

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data.batches import EvaluationBatches, TrainingBatches
from paddle_alexnet.data.cache import open_cache
from paddle_alexnet.data.dataset import AugmentedDataset, ImageSamples
from paddle_alexnet.data.dataset import collect as collect_items
from paddle_alexnet.data.pixel_statistics import ColorNoise
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import ColorJitter, Compose, RandomResizedCrop, random_flip
from paddle_alexnet.errors import DataError

TRANSFORM = Compose([RandomResizedCrop(16), random_flip, ColorJitter(0.3, hue=0.2)])


@pytest.fixture(scope="module")
def pictures(flowers):
    return FlowerFolder(flowers)


def make(pictures, **settings):
    return TrainingBatches(pictures, TRANSFORM, **{"batch_size": 8, "seed": 3, **settings})


def collect(batches, epoch, first=0):
    return [(x.numpy(), y.numpy()) for x, y in batches.epoch(epoch, first)]


def assert_equal(a, b):
    assert len(a) == len(b)
    for (x, y), (v, w) in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, v)
        np.testing.assert_array_equal(y, w)


def test_an_epoch_has_every_picture_once(pictures):
    batches = make(pictures)
    assert (len(batches), batches.images) == (7, 50)
    got = collect(batches, 0)
    assert [len(y) for _, y in got] == [8] * 6 + [2]
    assert got[0][0].dtype == np.uint8
    assert got[0][0].shape == (8, 16, 16, 3)
    labels = sorted(np.concatenate([y for _, y in got]).tolist())
    assert labels == sorted(label for _, label in pictures.samples)


def test_batches_are_tensors_of_whole_numbers(pictures):
    images, labels = next(make(pictures).epoch(0))
    assert (images.dtype, labels.dtype) == (paddle.uint8, paddle.int64)


def test_order_and_change_are_told_by_seed_and_epoch(pictures):
    first = collect(make(pictures), 1)
    assert_equal(first, collect(make(pictures), 1))
    assert not np.array_equal(first[0][0], collect(make(pictures), 0)[0][0])
    assert not np.array_equal(first[0][0], collect(make(pictures, seed=4), 1)[0][0])


def test_a_picture_does_not_depend_on_its_batch(pictures):
    """The same pictures come from batches of any size."""
    small, large = (collect(make(pictures, batch_size=size), 2) for size in (5, 20))
    for part in (0, 1):
        np.testing.assert_array_equal(
            np.concatenate([batch[part] for batch in small]),
            np.concatenate([batch[part] for batch in large]),
        )


def test_going_on_in_the_middle(pictures):
    whole = collect(make(pictures), 1)
    assert_equal(collect(make(pictures), 1, 3), whole[3:])
    assert collect(make(pictures), 1, 7) == []


def test_processes_change_nothing(pictures):
    assert_equal(collect(make(pictures, workers=2), 1), collect(make(pictures), 1))


def test_a_process_gets_its_part_and_not_the_whole(pictures):
    """However many pictures there are, as with ImageNet's list."""
    view = make(pictures).view
    part = view.subset([4, 1])
    for place, index in enumerate((4, 1)):
        (image, label), (want, wanted) = part[place], view[index]
        assert label == wanted
        np.testing.assert_array_equal(image, want)
    small = len(pickle.dumps(part))
    view.pictures.samples = view.pictures.samples * 1000
    try:
        assert len(pickle.dumps(view.subset([4, 1]))) == small < 5000
    finally:
        view.pictures.samples = view.pictures.samples[:50]


def test_a_process_that_decodes_needs_no_paddle(pictures, tmp_path):
    """It starts in a fraction of the time, every epoch anew."""
    noise = ColorNoise(np.eye(3))
    read = open_cache("disk", 1.0, str(tmp_path))
    part = AugmentedDataset(ImageSamples(pictures.samples, read=read), TRANSFORM, 3, noise).subset(
        [4, 1]
    )
    program = (
        "import pickle, sys; collect, part = pickle.load(sys.stdin.buffer); collect(part); "
        "sys.exit('paddle' in sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps((collect_items, part)), check=True
    )


def test_shares_of_processes_make_up_the_batch(pictures):
    whole = collect(make(pictures, batch_size=10), 2)
    for rank in range(3):
        share = collect(make(pictures, batch_size=10, share=(rank, 3)), 2)
        assert_equal(share, [(images[rank::3], labels[rank::3]) for images, labels in whole])


def test_the_view_shows_what_the_net_sees(pictures):
    batches = make(pictures, batch_size=50)
    ((images, labels),) = collect(batches, 4)
    order = np.random.default_rng([3, 0, 4]).permutation(50)
    for place, index in enumerate(order[:5]):
        image, label = batches.view[int(index)]
        np.testing.assert_array_equal(image, images[place])
        assert label == labels[place]


def test_evaluation_is_in_order_and_repeatable(flowers):
    val = FlowerFolder(flowers, "val", Preprocessing(input_size=16, resize=18))
    batches = EvaluationBatches(val, batch_size=2)
    for _ in range(2):
        got = [(x.numpy(), y.numpy()) for x, y in batches]
        assert [len(y) for _, y in got] == [2, 2, 1]
        images = np.concatenate([x for x, _ in got])
        np.testing.assert_array_equal(images, np.stack([val[i][0] for i in range(5)]))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_goes_in_mid_run_is_named(tmp_path, write_png, workers):
    rng = np.random.default_rng(0)
    for i in range(4):
        write_png(tmp_path / "a" / f"{i}.png", rng)
    pictures = FlowerFolder(tmp_path, "all")
    (tmp_path / "a" / "2.png").unlink()
    with pytest.raises(DataError, match=r"2\.png"):
        collect(make(pictures, batch_size=2, workers=workers), 0)

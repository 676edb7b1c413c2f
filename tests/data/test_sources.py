"""From keys to batches: pictures that are kept change nothing."""

import numpy as np
import pytest

from paddle_alexnet.config.load import make_config
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.sources import open_data

PREPROCESSING = Preprocessing(input_size=32, resize=36)


def batches(flowers, **keys):
    config = make_config(
        {
            "data": {"root": str(flowers), "mean": "image", **keys},
            "augment": {"color_noise": "paper", "hue": 0.1},
            "train": {"batch_size": 16},
        }
    )
    inputs = open_data(config, PREPROCESSING)
    pixels = inputs.pixels(config)
    train = inputs.training_batches(config, pixels, None)
    whole = [*train.epoch(0), *train.epoch(1), *inputs.val_batches(config)]
    return [pixels.mean_image, *(part.numpy() for batch in whole for part in batch)]


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_kept_pictures_change_nothing(flowers, tmp_path, kind):
    want = batches(flowers)
    got = batches(flowers, cache=kind, cache_dir=str(tmp_path))
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)
    # All of the training and val pictures, by whoever read them first.
    assert len(list(tmp_path.iterdir())) == (55 if kind == "disk" else 0)

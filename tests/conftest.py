"""What the tests share. Everything they need is drawn or made here."""

import os
import warnings
from pathlib import Path

import pytest

from paddle_alexnet.runtime.cpu import speed_up

if "PYTEST_XDIST_WORKER" in os.environ:  # other processes use the other cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
speed_up()  # before Paddle is loaded
warnings.filterwarnings("ignore", message="No ccache found")

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import paddle  # noqa: E402

from paddle_alexnet.data.preprocessing import Preprocessing  # noqa: E402
from paddle_alexnet.data.synthetic_flowers import draw_flower_folder  # noqa: E402
from paddle_alexnet.nets.registry import MODELS, Model  # noqa: E402
from paddle_alexnet.nets.stages import (  # noqa: E402
    Conv,
    Dropout,
    Linear,
    MaxPool,
    Norm,
    ReLU,
)
from tests import browser  # noqa: E402

TINY_SIDE = 32


def pytest_addoption(parser):
    parser.addoption(
        "--torture", action="store_true", help="tests/torture in full: a quarter of an hour"
    )


# A net that trains in seconds, with AlexNet's blocks: feature maps of 14, 6 | 6 | 6 | 6 | 6, 2.
TINY = (
    (Conv(8, 5, stride=2), ReLU(), Norm(), MaxPool()),
    *((Conv(12, 3, padding=1), ReLU()),) * 3,
    (Conv(16, 3, padding=1), ReLU(), MaxPool()),
    *((Linear(32), ReLU(), Dropout(0.2)),) * 2,
)


@pytest.fixture(autouse=True)
def back_to_the_cpu():
    """A test that uses a GPU leaves none to the next."""
    yield
    if paddle.get_device() != "cpu":
        paddle.set_device("cpu")


@pytest.fixture
def tiny(monkeypatch):
    """Adds the net ``tiny`` (32 x 32) to the models."""
    preprocessing = Preprocessing(input_size=TINY_SIDE, resize=36)
    monkeypatch.setitem(MODELS, "tiny", Model(TINY, preprocessing))
    return "tiny"


@pytest.fixture(scope="session")
def write_png():
    """A function that writes a PNG of noise (no two files are the same); folders are made."""

    def write(path, rng, height=24, width=20):
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(".png", rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        path.write_bytes(data.tobytes())

    return write


@pytest.fixture(scope="session")
def flowers(tmp_path_factory) -> Path:
    """A folder of 60 drawn flowers, five species; read it only."""
    root = tmp_path_factory.mktemp("data") / "flowers"
    draw_flower_folder(root, per_species=12)
    return root


@pytest.fixture(scope="module")
def chromium():
    """A browser for the tests of one module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.FLAGS)
        yield launched
        launched.close()

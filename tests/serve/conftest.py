"""A classifier of a tiny net, and servers that run while a test does."""

import contextlib
import threading

import paddle
import pytest

from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.explain.neighbors import FeatureIndex
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.registry import MODELS, Model, build_model
from paddle_alexnet.nets.weights import Description, net_arrays, write_weights
from paddle_alexnet.serve.application import Application
from paddle_alexnet.serve.explanation import Explainer
from paddle_alexnet.serve.limits import Limits, Memory
from paddle_alexnet.serve.server import Server
from paddle_alexnet.storage.tensors import stated_checksum
from tests.conftest import TINY, TINY_SIDE

CLASSES = ("daisy", "雏菊", "<b>roses</b>", "tulips", "sunflowers", "dandelion")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Weights of a tiny net that are drawn at random, so that scores differ."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        preprocessing = Preprocessing(input_size=TINY_SIDE, resize=36)
        patch.setitem(MODELS, "tiny", Model(TINY, preprocessing))
        paddle.seed(1)
        description = Description("tiny", CLASSES, preprocessing)
        write_weights(path, net_arrays(build_model("tiny", len(CLASSES))), description)
    return path


@pytest.fixture(scope="session")
def classifier(weights):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "tiny", Model(TINY, Preprocessing(TINY_SIDE, resize=36)))
        return Classifier.load(weights)


@pytest.fixture(scope="session")
def index(classifier, weights, flowers):
    """An index of 20 drawn flowers."""
    images = FlowerImages(sorted(map(str, flowers.glob("*/*")))[::3])
    return FeatureIndex.build(classifier, images, "block7", stated_checksum(weights))


class FlowerImages:
    """A data set of files, labelled in turn."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def image(self, index):
        return read_image(self.paths[index])

    def label(self, index):
        return index % len(CLASSES)

    def name(self, index):
        return self.paths[index]


@pytest.fixture
def make_app(classifier):
    """A function (explains=True, index=None, **limits) that makes an application."""
    made = []

    def make(explains=True, index=None, *, allowed=(), host="127.0.0.1", **limits):
        explainer = Explainer(classifier, 5, index=index) if explains else None
        chosen = Limits(**limits)
        made.append(Application(classifier, explainer, host=host, limits=chosen, allowed=allowed))
        return made[-1]

    yield make
    for app in made:
        app.close()


class Running:
    """A server in a thread of its own."""

    def __init__(self, application, limits, memory=None, **options):
        self.memory = Memory(limits.memory) if memory is None else memory
        self.server = Server(
            application, "127.0.0.1", 0, limits=limits, memory=self.memory, threads=4, **options
        )
        self.port = self.server.port
        self.address = f"http://127.0.0.1:{self.port}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.server.serve, args=(self._stop.is_set,))
        self._thread.start()

    def begin_to_stop(self):
        self._stop.set()

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def run():
    """A function (application, **limits) that serves until the end of the test."""
    with contextlib.ExitStack() as stack:

        def run(application, shared=None, count=lambda status: None, **limits):
            running = Running(application, Limits(**limits), shared, count=count)
            stack.callback(running.stop)
            return running

        yield run

"""Benchmark cases of this project: training step, inference, norm, matrix product, reading."""

import itertools
from pathlib import Path

import numpy as np
import paddle

from benchmarks.timing import CLASSES, PRODUCT, Case, labels, noise
from paddle_alexnet.config.schema import AugmentConfig
from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.data.dataset import AugmentedDataset, ImageFiles, MemoryCache
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import Listing
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import build_augmentation
from paddle_alexnet.explain import heat_maps
from paddle_alexnet.explain.neighbors import FeatureIndex
from paddle_alexnet.export.classifier import ExportedClassifier
from paddle_alexnet.export.engines import PRECISIONS, computes_bfloat16
from paddle_alexnet.export.writer import fill_folder
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.lrn import build_lrn
from paddle_alexnet.nets.registry import MODELS, Model, build_model
from paddle_alexnet.nets.shapes import trace_shapes
from paddle_alexnet.nets.stages import Norm
from paddle_alexnet.nets.weights import Description
from paddle_alexnet.training.step import TrainingStep, choose_compile, compile_step

ROWS = 100_000  # of an index
CACHE_BYTES = 2**36  # room for all images
# (data.workers, data.cache); a cache in memory is for one process.
READERS = ((0, "none"), (1, "none"), (2, "none"), (0, "ram"))


def training_step(model: str, batch: int, *, lrn: str, kind: str) -> Case:
    """Forward, loss, backward and an optimizer step with momentum.

    Args:
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`. Dropout is as in training.
        batch: Images.
        lrn: As ``model.lrn``.
        kind: As ``train.compile``; what is not safe falls back, as in training.

    The learning rate is nearly 0, so that the numbers stay as they are.
    """
    paddle.seed(0)
    net = build_model(model, CLASSES, lrn=lrn)
    step = compile_step(TrainingStep(net), choose_compile(kind, net)[0])
    optimizer = paddle.optimizer.Momentum(1e-9, 0.9, parameters=net.parameters(), weight_decay=5e-4)
    side = MODELS[model].preprocessing.input_size
    inputs = paddle.to_tensor(noise(batch, 3, side, side)), paddle.to_tensor(labels(batch))

    def run() -> float:
        loss, _ = step(*inputs)
        (loss / batch).backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        return loss.item()

    return run


def make_classifier(model: str, lrn: str) -> Classifier:
    """A net of :data:`CLASSES` classes with fresh weights, in evaluation mode."""
    paddle.seed(0)
    net = build_model(model, CLASSES, lrn=lrn)
    net.eval()
    names = tuple(map(str, range(CLASSES)))
    return Classifier(net, Description(model, names, MODELS[model].preprocessing))


def inference(classifier: Classifier | ExportedClassifier, batch: int) -> Case:
    """Scores of a batch of uint8 inputs [N, S, S, 3]."""
    inputs = _pixels(classifier, batch)
    return lambda: classifier.scores_of_inputs(inputs)


def grad_cam(classifier: Classifier, batch: int) -> tuple[str, Case]:
    """The last layer with feature maps, and heat maps of it for a batch of uint8 inputs."""
    inputs, layer = _pixels(classifier, batch), heat_maps.feature_layers(classifier.net)[-1]
    net, normalize, classes = classifier.net, classifier.normalize, labels(batch)
    return layer, lambda: heat_maps.grad_cam(net, normalize, inputs, layer, classes)


def search(path: Path, width: int) -> Case:
    """Open an index of :data:`ROWS` made-up images, and find the nearest six of one.

    Args:
        path: Where the index is written, some hundred megabytes.
        width: Features of an image.
    """
    features = np.tile(np.maximum(0, noise(ROWS // 10, width)).astype(np.float16), (10, 1))
    places = np.arange(ROWS)
    names = [f"train/class/{place:08}.jpg" for place in places]
    parts = (features, np.zeros(ROWS, np.uint8), 1 + places, places % 2)
    FeatureIndex(*parts, names, ["a", "b"], "block7", "").save(path)
    query = noise(1, width)
    return lambda: FeatureIndex.open(path).nearest(query, 6)


def _pixels(classifier: Classifier | ExportedClassifier, batch: int) -> np.ndarray:
    side = classifier.preprocessing.input_size
    return np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)


def export(classifier: Classifier, folder: Path) -> dict[str, ExportedClassifier]:
    """Export for paddle.inference, without the comparison that tools/export.py makes.

    Returns:
        By precision: float32, and bfloat16 where the processor computes it.
    """
    fill_folder(classifier, "paddle", folder)
    precisions = PRECISIONS if computes_bfloat16() else PRECISIONS[:1]
    return {name: ExportedClassifier.load(folder, precision=name) for name in precisions}


def response_norm(kind: str, shape: tuple[int, int, int, int]) -> Case:
    """Forward and gradient of the paper's norm; ``kind`` as ``model.lrn``, float32 [N, C, H, W]."""
    layer = build_lrn(kind, Norm(alpha=5e-4, bias=2.0), shape[1])
    leaf = paddle.to_tensor(noise(*shape), stop_gradient=False)
    gradient = paddle.to_tensor(noise(*shape))

    def run() -> paddle.Tensor:
        leaf.clear_gradient(False)
        layer(leaf).backward(gradient)
        return leaf.grad

    return run


def matrix_product() -> Case:
    """A product of matrices of the sizes :data:`PRODUCT` by Paddle's BLAS."""
    rows, inner, columns = PRODUCT
    left, right = paddle.to_tensor(noise(rows, inner)), paddle.to_tensor(noise(inner, columns))
    return lambda: paddle.matmul(left, right)


def operations(model: Model, *, training: bool) -> int:
    """Floating-point operations of convolutions and linear layers for one image.

    A multiplication and an addition are two. Training takes three times the forward pass, less
    the gradient of the input, which is not computed.
    """
    layers = trace_shapes(model.stages, model.preprocessing.input_size, CLASSES)
    forward = 2 * sum(layer.macs for layer in layers)
    return 3 * forward - 2 * layers[0].macs if training else forward


def readers(listing: Listing, preprocessing: Preprocessing, batch: int) -> dict[str, Case]:
    """An epoch over all images for each of :data:`READERS`: from files to augmented batches.

    Args:
        listing: The images; all splits are read.
        preprocessing: Of a net; the augmentation is the default one.
        batch: Images a batch.

    Returns:
        By name, calls that read the next epoch and return its number of images. Each starts its
        processes, as an epoch of training does.
    """
    cases = {}
    for workers, cache in READERS:
        read = MemoryCache(CACHE_BYTES) if cache == "ram" else read_image
        batches = TrainingBatches(
            FlowerFolder(listing, "all", read=read),
            build_augmentation(AugmentConfig(), preprocessing),
            batch_size=batch,
            workers=workers,
        )
        cases[f"workers {workers}, cache {cache}"] = _epochs(batches)
    return cases


def _epochs(batches: TrainingBatches) -> Case:
    epochs = itertools.count()
    return lambda: sum(len(images) for images, _ in batches.epoch(next(epochs)))


def augmented(listing: Listing, preprocessing: Preprocessing) -> AugmentedDataset:
    """What the readers read, image by image, for another library's loader.

    A process that gets it does not load Paddle.
    """
    images = ImageFiles(listing.select("all"))
    return AugmentedDataset(images, build_augmentation(AugmentConfig(), preprocessing), 0)

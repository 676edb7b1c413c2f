"""Things of this project to time."""

from pathlib import Path

import numpy as np
import paddle

from paddle_alexnet.benchmark.inputs import CLASSES, Case, labels, noise
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


def training_step(model: str, batch: int, *, lrn: str, kind: str) -> Case:
    """Forward, loss, gradients and an update with momentum, as ``train.compile: kind`` runs them.

    What is not safe falls back, as in training.

    Dropout is the design's, the rate nearly 0, so that the numbers stay as they are.
    """
    paddle.seed(0)
    net = build_model(model, CLASSES, lrn=lrn)
    step = compile_step(TrainingStep(net), choose_compile(kind, net)[0])
    optimizer = paddle.optimizer.Momentum(1e-9, 0.9, parameters=net.parameters(), weight_decay=5e-4)
    side = net.input_size
    inputs = paddle.to_tensor(noise(batch, 3, side, side)), paddle.to_tensor(labels(batch))

    def run() -> float:
        loss, _ = step(*inputs)
        (loss / batch).backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        return loss.item()

    return run


def make_classifier(model: str, lrn: str) -> Classifier:
    """A net of 1,000 classes with fresh weights, in evaluation mode."""
    paddle.seed(0)
    net = build_model(model, CLASSES, lrn=lrn)
    net.eval()
    names = tuple(map(str, range(CLASSES)))
    return Classifier(net, Description(model, names, MODELS[model].preprocessing))


def inference(classifier: Classifier | ExportedClassifier, batch: int) -> Case:
    """Scores of a batch of uint8 inputs."""
    side = classifier.preprocessing.input_size
    shape = (batch, side, side, 3)
    inputs = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return lambda: classifier.scores_of_inputs(inputs)


def export(classifier: Classifier, folder: Path) -> dict[str, ExportedClassifier]:
    """The classifier as paddle.inference runs it; not compared, unlike tools/export.py's.

    Returns:
        By precision: float32, and bfloat16 where the processor has it.
    """
    fill_folder(classifier, "paddle", folder)
    precisions = PRECISIONS if computes_bfloat16() else PRECISIONS[:1]
    return {name: ExportedClassifier.load(folder, precision=name) for name in precisions}


def response_norm(kind: str, shape: tuple[int, int, int, int]) -> Case:
    """Forward and gradient of the paper's norm."""
    layer = build_lrn(kind, Norm(alpha=5e-4, bias=2.0), shape[1])
    leaf = paddle.to_tensor(noise(*shape), stop_gradient=False)
    gradient = paddle.to_tensor(noise(*shape))

    def run() -> object:
        leaf.clear_gradient(False)
        layer(leaf).backward(gradient)
        return leaf.grad

    return run


def matrix_product(rows: int, inner: int, columns: int) -> Case:
    """A product of matrices by Paddle's BLAS."""
    left, right = paddle.to_tensor(noise(rows, inner)), paddle.to_tensor(noise(inner, columns))
    return lambda: paddle.matmul(left, right)


def operations(row: Model, *, training: bool) -> int:
    """Floating-point operations of convolutions and linear layers for an image.

    A multiplication and an addition are two. Training takes three times the forward pass, but for
    the gradient of the pictures, which nobody needs.
    """
    layers = trace_shapes(row.stages, row.preprocessing.input_size, CLASSES)
    forward = 2 * sum(layer.macs for layer in layers)
    return 3 * forward - 2 * layers[0].macs if training else forward

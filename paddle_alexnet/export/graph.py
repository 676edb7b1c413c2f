"""From pixels to scores as one graph, in the file formats of inference engines."""

import os
from pathlib import Path

import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.static import InputSpec

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.inference.classifier import Classifier

OPSET = 17  # of ONNX; what onnxruntime 1.16 and OpenVINO 2023 and newer read
ONNX_CURE = "ONNX needs paddle2onnx: pip install -e '.[onnx]'"


class ScoresGraph(nn.Layer):
    """A classifier's normalisation, net and softmax.

    Shape:
        Input: uint8 RGB [N, S, S, 3]. Output: float32 [N, classes].
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.normalize = classifier.normalize
        self.net = classifier.net

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        """Compute the scores."""
        return F.softmax(self.net(self.normalize(images)), axis=1)


def save_paddle(classifier: Classifier, folder: Path) -> None:
    """Write ``model.json`` and ``model.pdiparams``, any batch size.

    Raises:
        OSError: They cannot be written.
    """
    size = classifier.preprocessing.input_size
    graph = ScoresGraph(classifier)
    graph.eval()
    spec = [InputSpec([None, size, size, 3], "uint8", "images")]
    paddle.jit.save(graph, str(folder / "model"), input_spec=spec)


def save_onnx(classifier: Classifier, folder: Path) -> None:
    """Write ``model.onnx``, any batch size.

    Raises:
        WeightsError: paddle2onnx is missing or fails.
        OSError: It cannot be written.
    """
    try:
        import paddle2onnx
    except ImportError as error:
        raise WeightsError(ONNX_CURE) from error
    save_paddle(classifier, folder)
    parts = [folder / "model.json", folder / "model.pdiparams"]
    try:
        # Without an optimising tool: the default one fetches packages from the network.
        paddle2onnx.export(
            *map(os.fspath, parts),
            os.fspath(folder / "model.onnx"),
            opset_version=OPSET,
            optimize_tool="None",
        )
    except Exception as error:  # it raises anything
        raise WeightsError(f"paddle2onnx cannot export this net: {error}") from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    if not (folder / "model.onnx").is_file():
        raise WeightsError("paddle2onnx wrote nothing: see what it printed above")

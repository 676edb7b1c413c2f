"""Write an export folder: one graph from pixels to scores, compared with the net first."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.static import InputSpec

from paddle_alexnet.errors import RunError, WeightsError
from paddle_alexnet.export.classifier import ExportedClassifier
from paddle_alexnet.export.folder import DESCRIPTION, ExportFolder
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.storage.files import whole_folder, write_text

OPSET = 17  # of ONNX; read by onnxruntime 1.16, OpenVINO 2023 and newer
TOLERANCE = 1e-4  # of a score; differences by rounding are near 1e-6
BATCH = 16
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
    except Exception as error:  # paddle2onnx raises anything
        raise WeightsError(f"paddle2onnx cannot export this net: {error}") from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    if not (folder / "model.onnx").is_file():
        raise WeightsError("paddle2onnx wrote nothing: see what it printed above")


SAVE = {"paddle": save_paddle, "onnx": save_onnx}


@dataclass(frozen=True)
class Comparison:
    """The result of comparing an export with its net.

    Attributes:
        engine: The engine that ran the export.
        images: Number of images compared.
        difference: Largest absolute difference of a score.
        agreement: Fraction of the images for which both have the same best class, in [0, 1].
    """

    engine: str
    images: int
    difference: float
    agreement: float


def export_model(
    classifier: Classifier,
    file_format: str,
    path: str | Path,
    images: Sequence[np.ndarray],
    *,
    engine: str | None = None,
) -> Comparison:
    """Write an export folder, whole and compared with ``classifier`` or not at all.

    Args:
        classifier: The classifier to export.
        file_format: A key of :data:`SAVE`.
        path: The folder; must not exist or be empty.
        images: uint8 RGB of any size, to compare on; at least one.
        engine: The engine to compare with; see
            :func:`paddle_alexnet.export.engines.choose_engine`.

    Raises:
        WeightsError: The export cannot be made or does not compute what the net does, or an engine
            is missing.
        RunError: It cannot be written.
    """
    try:
        with whole_folder(path) as beside:
            fill_folder(classifier, file_format, beside)
            result = _compare(classifier, ExportedClassifier.load(beside, engine), images)
    except FileExistsError as error:
        raise RunError(f"{path} is there already: name a new folder") from error
    except OSError as error:
        raise RunError(f"cannot write {path}: {error}") from error
    return result


def fill_folder(classifier: Classifier, file_format: str, path: Path) -> None:
    """Put an export into a folder that exists, without comparing it.

    Args:
        classifier: The classifier to export.
        file_format: A key of :data:`SAVE`.
        path: The folder.
    """
    SAVE[file_format](classifier, path)
    folder = ExportFolder(path, file_format, classifier.description)
    write_text(path / DESCRIPTION, folder.to_json())


def _compare(
    classifier: Classifier, exported: ExportedClassifier, images: Sequence[np.ndarray]
) -> Comparison:
    difference, agreed = 0.0, 0
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        want, got = classifier.scores(batch), exported.scores(batch)
        difference = max(difference, float(np.abs(got - want).max()))
        agreed += int((got.argmax(axis=1) == want.argmax(axis=1)).sum())
    result = Comparison(exported.engine, len(images), difference, agreed / len(images))
    if not difference <= TOLERANCE:  # also NaN
        raise WeightsError(
            f"the export, run with {result.engine}, differs by {difference:.2g} from the net "
            f"(top-1 agrees for {agreed} of {len(images)}), more than {TOLERANCE:g}: not written"
        )
    return result

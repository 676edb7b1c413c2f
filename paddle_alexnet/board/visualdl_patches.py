"""Workarounds for faults of VisualDL 2.5; each has a test.

Nothing is changed at import: writer and server call what they need. A function that replaces
something inside VisualDL names it in its docstring.
"""

import contextlib
import copy
import functools
import io
import operator
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

LOG_NAME = "vdlrecords.main.log"
CURVE_POINTS = 127  # at most, says VisualDL; by default it draws ten


def plain_hparams(values: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Values that ``add_hparams`` keeps: it fails on bool with protobuf 7 and drops other types.

    NumPy scalars become Python numbers; bools, lists and None become text.
    """
    plain: dict[str, int | float | str] = {}
    for key, value in values.items():
        number = value.item() if isinstance(value, np.generic) else value
        keep = isinstance(number, int | float | str) and not isinstance(number, bool)
        plain[key] = number if keep else str(number)
    return plain


def image_copy(image: np.ndarray) -> np.ndarray:
    """A copy for ``add_image``, which writes into its argument and rescales dark images.

    Args:
        image: uint8 RGB [H, W, 3]. VisualDL multiplies an image by 255 if all values are 0 or 1, so
            1 becomes 2 in such an image.

    Raises:
        ValueError: Another dtype, whose range is unknown.
    """
    if image.dtype != np.uint8:
        raise ValueError(f"the board needs uint8 images, got {image.dtype}")
    whole = np.array(image, order="C")
    if whole.size and whole.max() <= 1:
        whole[whole == 1] = 2
    return whole


def cut_partial_record(path: Path) -> int:
    """Truncate a log after its last complete record, if a process was killed while writing.

    Everything appended to an incomplete record would be unreadable.

    Returns:
        Number of bytes removed.
    """
    if not path.exists():
        return 0
    size = path.stat().st_size
    end = 0
    with open(path, "rb+") as file:
        while end + 8 <= size:
            file.seek(end)
            (length,) = struct.unpack("<Q", file.read(8))
            if end + 8 + length > size:
                break
            end += 8 + length
        file.truncate(end)
    return size - end


def patch_curves() -> None:
    """Make precision-recall and ROC curves correct.

    Replaces ``compute_curve`` and ``compute_roc_curve`` in ``visualdl.component.base_component``.
    """
    from visualdl.component import base_component

    base_component.compute_curve = functools.partial(curve_points, rates=pr_rates)
    base_component.compute_roc_curve = functools.partial(curve_points, rates=roc_rates)


def curve_points(
    labels: np.ndarray,
    scores: np.ndarray,
    thresholds: int = CURVE_POINTS,
    weights: None = None,
    *,
    rates: Callable[..., dict[str, np.ndarray]],
) -> dict[str, list]:
    """Points of a curve over thresholds.

    Args:
        labels: Bool [N].
        scores: Float [N] in [0, 1].
        thresholds: Number of points, evenly spaced in [0, 1].
        weights: Not used; VisualDL passes it.
        rates: :func:`pr_rates` or :func:`roc_rates`.

    Returns:
        ``tp``, ``fp``, ``tn``, ``fn`` (counts) and the rates for each threshold.
    """
    labels = np.asarray(labels, bool)
    edges = np.linspace(0, 1, thresholds)
    # Scores >= an edge: those that are not sorted in before it.
    below = [np.searchsorted(np.sort(scores[which]), edges) for which in (labels, ~labels)]
    tp, fp = labels.sum() - below[0], (~labels).sum() - below[1]
    counts = {"tp": tp, "fp": fp, "tn": below[1], "fn": below[0]}
    return {name: values.tolist() for name, values in {**counts, **rates(**counts)}.items()}


def pr_rates(
    tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray
) -> dict[str, np.ndarray]:
    """Precision, 1 where nothing is chosen (VisualDL draws a line to (0, 0) there), and recall."""
    precision = np.where(tp + fp > 0, tp / np.maximum(1, tp + fp), 1.0)
    return {"precision": precision, "recall": tp / np.maximum(1, tp + fn)}


def roc_rates(
    tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray
) -> dict[str, np.ndarray]:
    """True and false positive rate; VisualDL divides true positives by all negatives."""
    # max(1, ...): a class without positives or negatives gives 0, not a division by 0.
    return {"tpr": tp / np.maximum(1, tp + fn), "fpr": fp / np.maximum(1, fp + tn)}


@contextlib.contextmanager
def graph_export() -> Iterator[None]:
    """While the block runs, Paddle saves programs as the ``.pdmodel`` that ``add_graph`` reads.

    Paddle 3 saves another format by default; layer names start anew so that a graph is the same
    whatever was built before.
    """
    import paddle

    from paddle_alexnet.nets import lrn

    stock = paddle.jit.to_static, paddle.multiply, paddle.bmm, lrn.inverse_power
    # Without it the shape of the input is not taken into account.
    paddle.jit.to_static = functools.partial(paddle.jit.to_static, full_graph=True)
    # The functions take no variables of the old format, the operators do; the built-in response
    # norm and Local2D call the functions.
    paddle.multiply, paddle.bmm = operator.mul, operator.matmul
    # Nor do rsqrt and sqrt, by which the response norms compute a power.
    lrn.inverse_power = lambda x, beta, in_place=False: x**-beta
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Paddle about its own code
            with paddle.utils.unique_name.guard(), paddle.pir_utils.DygraphOldIrGuard():
                yield
    finally:
        paddle.jit.to_static, paddle.multiply, paddle.bmm, lrn.inverse_power = stock


def graph_copy(net: Any) -> Any:
    """A copy in evaluation mode: ``add_graph`` renames layers of the net it is given."""
    twin = copy.deepcopy(net)
    twin.eval()
    return twin


def quiet() -> contextlib.redirect_stdout:
    """A context manager that hides VisualDL's prints."""
    return contextlib.redirect_stdout(io.StringIO())


class LogFile:
    """Replaces VisualDL's log file: appends to an open file, until the first error.

    VisualDL writes in a thread of its own, where an exception would be lost.

    Args:
        path: An existing log of complete records, or a new one.

    Attributes:
        error: The first error, or None; nothing is written after it.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - VisualDL closes it
        self.error: OSError | None = None

    def write(self, data: bytes) -> None:
        """Append a record, completely or not at all."""
        if self.error is not None:
            return
        start = self._file.tell()
        try:
            if self._file.write(data) != len(data):
                raise OSError("only a part was written; is the disk full?")
        except OSError as error:
            self.error = error
            with contextlib.suppress(OSError):
                self._file.truncate(start)

    def flush(self) -> None:
        """Do nothing: writes are not buffered."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._file.closed

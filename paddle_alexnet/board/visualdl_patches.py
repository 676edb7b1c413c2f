"""Where VisualDL 2.5 breaks, and what is done about it; each cure has a test.

Nothing is changed at import. Writer and server call what they need. What is changed inside
VisualDL is named in the docstring of the function that does it.
"""

import contextlib
import copy
import functools
import io
import logging
import operator
import struct
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

LOG_NAME = "vdlrecords.main.log"


def plain_hparams(values: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Values that ``add_hparams`` keeps: it fails on bool with protobuf 7 and drops the rest.

    Numbers of numpy become Python's; bools, lists and None become text.
    """
    plain: dict[str, int | float | str] = {}
    for key, value in values.items():
        number = value.item() if isinstance(value, np.generic) else value
        keep = isinstance(number, int | float | str) and not isinstance(number, bool)
        plain[key] = number if keep else str(number)
    return plain


def image_copy(image: np.ndarray) -> np.ndarray:
    """A copy to hand over: ``add_image`` scales dark pictures in place and wants to write.

    Args:
        image: uint8 RGB [H, W, 3]. A picture whose values are all 0 or 1 would be taken for one
            on [0, 1] and brightened, so its darkest step is lifted to 2.

    Raises:
        ValueError: Another dtype: what its range means would be a guess.
    """
    if image.dtype != np.uint8:
        raise ValueError(f"the board takes uint8 pictures, got {image.dtype}")
    whole = np.array(image, order="C")
    if whole.size and whole.max() <= 1:
        whole[whole == 1] = 2
    return whole


def cut_partial_record(path: Path) -> int:
    """Cut what follows the last whole record of a log, left by a process that was killed.

    Everything appended after half a record would be unreadable.

    Returns:
        Bytes cut off.
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


def quiet_server() -> None:
    """Keep VisualDL from writing a line for every request and every reading of a log."""
    logging.getLogger("vdl_logger").setLevel(logging.CRITICAL)


def numpy_with_float() -> types.ModuleType:
    """Give VisualDL's curves the ``np.float`` they ask for, without touching numpy.

    Replaces the name ``np`` in ``visualdl.component.base_component`` by a view of numpy.
    """
    from visualdl.component import base_component

    view = types.ModuleType("numpy_view")
    view.__dict__.update({name: getattr(np, name) for name in dir(np) if name[0] != "_"})
    view.float = float
    base_component.np = view
    return view


def correct_roc() -> None:
    """Make VisualDL draw :func:`roc_points`.

    Replaces ``compute_roc_curve`` in ``visualdl.component.base_component``.
    """
    from visualdl.component import base_component

    def compute_roc_curve(
        labels: np.ndarray, predictions: np.ndarray, num_thresholds: int = 127, weights: Any = None
    ) -> dict[str, list]:
        return roc_points(labels, predictions, num_thresholds)

    base_component.compute_roc_curve = compute_roc_curve


def roc_points(labels: np.ndarray, scores: np.ndarray, thresholds: int = 127) -> dict[str, list]:
    """Points of the ROC curve: VisualDL's own divides true positives by all negatives.

    Args:
        labels: Bool [N].
        scores: Float [N] on [0, 1].
        thresholds: Points, evenly spaced on [0, 1]; the board takes at most 127.

    Returns:
        ``tp``, ``fp``, ``tn``, ``fn`` (counts) and ``tpr``, ``fpr`` for each threshold.
    """
    labels = np.asarray(labels, bool)
    chosen = np.asarray(scores)[None, :] >= np.linspace(0, 1, thresholds)[:, None]
    tp, fp = (chosen & labels).sum(axis=1), (chosen & ~labels).sum(axis=1)
    fn, tn = labels.sum() - tp, (~labels).sum() - fp
    # At least 1, so that a class without positives or negatives gives 0 and not a division by 0.
    rates = {"tpr": tp / max(1, labels.sum()), "fpr": fp / max(1, (~labels).sum())}
    counts = {"tp": tp, "fp": fp, "tn": tn, "fn": fn}
    return {name: values.tolist() for name, values in {**counts, **rates}.items()}


@contextlib.contextmanager
def graph_export() -> Iterator[None]:
    """While the block runs, Paddle saves programs as the ``.pdmodel`` that ``add_graph`` reads.

    Paddle 3 saves another format by default; layer names start anew so that a graph is the same
    whatever was built before.
    """
    import paddle

    from paddle_alexnet.nets import lrn

    stock = paddle.jit.to_static, paddle.multiply, lrn.inverse_power
    # Without it the shape of the input is not taken into account.
    paddle.jit.to_static = functools.partial(paddle.jit.to_static, full_graph=True)
    # The function takes no variables of the old format, the operator does; the built-in response
    # norm calls the function.
    paddle.multiply = operator.mul
    # Nor do rsqrt and sqrt, by which the response norms compute a power.
    lrn.inverse_power = lambda x, beta, in_place=False: x**-beta
    try:
        with paddle.utils.unique_name.guard(), paddle.pir_utils.DygraphOldIrGuard():
            yield
    finally:
        paddle.jit.to_static, paddle.multiply, lrn.inverse_power = stock


def graph_copy(net: Any) -> Any:
    """A copy in evaluation mode: ``add_graph`` renames layers of the net it is given."""
    twin = copy.deepcopy(net)
    twin.eval()
    return twin


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep VisualDL's prints away from the terminal."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


# MERGED board.log_file: The file of a log, in place of VisualDL's own.


class LogFile:
    """Appends to a file that stays open, until the first error.

    VisualDL calls it from a thread of its own, where an exception would go unseen.

    Args:
        path: An existing log of whole records, or a new one.

    Attributes:
        error: What went wrong first, or None; nothing is written after it.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - VisualDL closes it
        self.error: OSError | None = None

    def write(self, data: bytes) -> None:
        """Append a record, whole or not at all."""
        if self.error is not None:
            return
        start = self._file.tell()
        try:
            if self._file.write(data) != len(data):
                raise OSError("a part only was written; is the disk full?")
        except OSError as error:
            self.error = error
            with contextlib.suppress(OSError):
                self._file.truncate(start)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._file.closed

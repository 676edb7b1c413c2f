"""Writing a run's board log."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from paddle_alexnet.board import visualdl_patches
from paddle_alexnet.board.visualdl_patches import LogFile
from paddle_alexnet.errors import RunError
from paddle_alexnet.printable import printable_name


class BoardWriter:
    """A VisualDL log of one run, in a directory of its own.

    Opening a directory again appends to its log. Everything is on disk after :meth:`flush`, and
    after :meth:`close`, which leaving a ``with`` block calls.

    Args:
        logdir: Made where missing. The board reads one log a directory.
    """

    def __init__(self, logdir: str | Path) -> None:
        # Here, not above: VisualDL takes a second to load, and not every user of the package
        # writes a log.
        from visualdl import LogWriter

        self.path = Path(logdir) / visualdl_patches.LOG_NAME
        visualdl_patches.cut_partial_record(self.path)
        with visualdl_patches.quiet():
            self._log = LogWriter(logdir=str(logdir), file_name=visualdl_patches.LOG_NAME)
            self._log.flush()
        # What VisualDL wrote by itself at the start may have failed, too.
        visualdl_patches.cut_partial_record(self.path)
        try:
            self._file = LogFile(self.path)
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error}") from error
        self._log._get_file_writer()._async_writer._record_writer._writer = self._file

    def __enter__(self) -> "BoardWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """A point of a curve."""
        self._log.add_scalar(_shown(tag), float(value), int(step))

    def image(self, tag: str, image: np.ndarray, step: int) -> None:
        """A picture, uint8 RGB [H, W, 3]."""
        self._log.add_image(_shown(tag), visualdl_patches.image_copy(image), int(step))

    def hparams(self, values: Mapping[str, Any], metrics: Sequence[str]) -> None:
        """A row of the hyper-parameter table; ``metrics`` are tags of scalars of this log."""
        plain = visualdl_patches.plain_hparams(values)
        shown = {key: _shown(v) if isinstance(v, str) else v for key, v in plain.items()}
        self._log.add_hparams(shown, list(metrics))

    def curves(self, name: str, labels: np.ndarray, scores: np.ndarray, step: int) -> None:
        """Precision-recall and ROC curve of one class.

        Args:
            name: Of the class; the tags are ``pr/<name>`` and ``roc/<name>``, as one tag must not
                stand for two kinds of component.
            labels: Bool [N]: is it this class?
            scores: Float [N] on [0, 1].
            step: Of the log.
        """
        visualdl_patches.numpy_with_float()
        visualdl_patches.correct_roc()
        labels, scores = np.asarray(labels, int), np.asarray(scores)
        name = _shown(name)
        self._log.add_pr_curve(f"pr/{name}", labels, scores, step)
        self._log.add_roc_curve(f"roc/{name}", labels, scores, step)

    def graph(self, net: Any, input_shape: Sequence[int]) -> None:
        """The structure of ``net`` for float32 input of ``input_shape`` (-1: any)."""
        import paddle

        with visualdl_patches.graph_export(), visualdl_patches.quiet():
            spec = paddle.static.InputSpec(list(input_shape), "float32")
            self._log.add_graph(visualdl_patches.graph_copy(net), [spec])

    def flush(self) -> None:
        """Bring everything written so far to the file.

        Raises:
            RunError: Something could not be written.
        """
        self._log.flush()
        if self._file.error is not None:
            raise RunError(f"cannot write {self.path}: {self._file.error}")

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        self._log.close()


def _shown(text: str) -> str:
    """A text for the board's page: one line, no HTML, and no %, which VisualDL refuses in a tag."""
    return printable_name(text).translate({ord("<"): "‹", ord(">"): "›", ord("%"): "_"})

"""Write the VisualDL log of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paddle_alexnet.board import visualdl_patches
from paddle_alexnet.board.visualdl_patches import LogFile
from paddle_alexnet.errors import RunError
from paddle_alexnet.printable import printable_lines, printable_name
from paddle_alexnet.storage.files import make_folder

GRAPHS, GRAPH_NAME = "vdlgraph.*.log", "vdlgraph.main.log"
HISTOGRAM_BUCKETS = 64
EMBEDDING_COLUMNS = 200


class BoardWriter:
    """The VisualDL log of one run; a context manager that closes it.

    Opening a directory again appends to its log. Everything is in the file after :meth:`flush` and
    after :meth:`close`. Texts are made safe to show: one line, without HTML.

    Args:
        logdir: Made if missing. The board reads one log per directory.

    Raises:
        RunError: The log cannot be written.
    """

    def __init__(self, logdir: str | Path) -> None:
        # Imported here because VisualDL takes a second to load.
        from visualdl import LogWriter

        self.path = make_folder(logdir) / visualdl_patches.LOG_NAME
        visualdl_patches.cut_partial_record(self.path)
        with visualdl_patches.quiet():
            self._log = LogWriter(logdir=str(logdir), file_name=visualdl_patches.LOG_NAME)
            self._log.flush()
        # The header that VisualDL wrote may be incomplete, on a full disk.
        visualdl_patches.cut_partial_record(self.path)
        try:
            self._file = LogFile(self.path)
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error}") from error
        self._log._get_file_writer()._async_writer._record_writer._writer = self._file

    def __enter__(self) -> "BoardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Add a point of a curve."""
        self._log.add_scalar(_shown(tag), float(value), int(step))

    def image(self, tag: str, image: np.ndarray, step: int) -> None:
        """Add an image, uint8 RGB [H, W, 3]."""
        self._log.add_image(_shown(tag), visualdl_patches.image_copy(image), int(step))

    def hparams(self, values: Mapping[str, Any], metrics: Sequence[str]) -> None:
        """Add a row of the hyper-parameter table; ``metrics`` are tags of scalars of this log."""
        plain = visualdl_patches.plain_hparams(values)
        shown = {key: _shown(v) if isinstance(v, str) else v for key, v in plain.items()}
        self._log.add_hparams(shown, list(metrics))

    def curves(self, name: str, labels: np.ndarray, scores: np.ndarray, step: int) -> None:
        """Add the precision-recall and the ROC curve of one class.

        Args:
            name: Class name; the tags are ``pr/<name>`` and ``roc/<name>``, because VisualDL fails
                on one tag for two kinds of data.
            labels: Bool [N], True for this class.
            scores: Float [N] in [0, 1].
            step: Step or epoch.
        """
        visualdl_patches.patch_curves()
        labels, scores = np.asarray(labels, int), np.asarray(scores)
        name = _shown(name)
        points = visualdl_patches.CURVE_POINTS
        self._log.add_pr_curve(f"pr/{name}", labels, scores, step, points)
        self._log.add_roc_curve(f"roc/{name}", labels, scores, step, points)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Add a histogram of the finite ones of ``values``; none where there are none."""
        finite = values[np.isfinite(values)]
        if finite.size:
            self._log.add_histogram(_shown(tag), finite, int(step), buckets=HISTOGRAM_BUCKETS)

    def text(self, tag: str, text: str, step: int) -> None:
        """Add a text of several lines."""
        self._log.add_text(_shown(tag), printable_lines(text, longest=None), int(step))

    def embeddings(
        self, tag: str, vectors: np.ndarray, columns: Mapping[str, Sequence[str]]
    ) -> None:
        """Add vectors to be shown as points; the board shows only the first of a tag.

        Args:
            tag: Name.
            vectors: Float [N, D], D <= 200: VisualDL's page shows others wrongly.
            columns: For each title a text for each vector, by which points are coloured.
        """
        if vectors.shape[1] > EMBEDDING_COLUMNS:
            raise ValueError(f"at most {EMBEDDING_COLUMNS} columns, got {vectors.shape[1]}")
        texts = [[printable_name(text) for text in column] for column in columns.values()]
        self._log.add_embeddings(_shown(tag), vectors.astype(float), texts, list(columns))

    def graph(self, net: Any, input_shape: Sequence[int]) -> None:
        """Write the graph of ``net`` for float32 input of ``input_shape`` (-1: any size).

        Raises:
            RunError: It cannot be made or written.
        """
        import paddle

        folder = self.path.parent
        before = set(folder.glob(GRAPHS))
        try:
            with visualdl_patches.graph_export(), visualdl_patches.quiet():
                spec = paddle.static.InputSpec(list(input_shape), "float32")
                self._log.add_graph(visualdl_patches.graph_copy(net), [spec])
            # Named by the second, and a folder has one.
            (new,) = set(folder.glob(GRAPHS)) - before
            new.replace(folder / GRAPH_NAME)
        except Exception as error:  # Paddle raises any, for layers that no graph can hold
            for part in set(folder.glob(GRAPHS)) - before:
                part.unlink()
            raise RunError(f"cannot write a graph of the net to {folder}: {error}") from error

    def flush(self) -> None:
        """Write everything to the file.

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
    """A text for the board: one line, no HTML, and no %, which VisualDL refuses in a tag."""
    return printable_name(text).translate({ord("<"): "‹", ord(">"): "›", ord("%"): "_"})

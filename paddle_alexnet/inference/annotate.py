"""Write images annotated with their predictions into a folder and a board log."""

import hashlib
import itertools
import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.data.tree import ANNOTATED
from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.captions import FontChooser
from paddle_alexnet.figures.figure4 import score_bars
from paddle_alexnet.inference.predict import Prediction
from paddle_alexnet.storage.files import MAX_NAME_BYTES, write_whole

LONGEST = MAX_NAME_BYTES - len(ANNOTATED) - len("-01234567-999999")  # bytes of a name's beginning


class AnnotatedOutput:
    """Annotates images, e.g. with bars of their best classes as in the paper's Figure 4.

    Args:
        save_dir: Folder for ``<name>.annotated.jpg`` files, created if missing; or None.
        logdir: Folder of a board log (tags ``infer/<name>``); or None.
        font: For class names that are not ASCII; None finds one.

    Raises:
        ConfigError: ``font`` cannot be used.
        RunError: A folder cannot be written.
    """

    def __init__(
        self, save_dir: str | Path | None, logdir: str | Path | None, font: str | Path | None = None
    ) -> None:
        self.lettering = FontChooser(font)
        self.save_dir = None if save_dir is None else Path(save_dir)
        self.names: set[str] = set()
        try:
            if self.save_dir is not None:
                self.save_dir.mkdir(parents=True, exist_ok=True)
            self.writer = None if logdir is None else BoardWriter(logdir)
        except OSError as error:
            raise RunError(f"cannot write to {error.filename}: {error.strerror}") from error

    def __enter__(self) -> "AnnotatedOutput":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer is not None:
            try:
                self.writer.flush()
            finally:
                self.writer.close()

    def add(self, prediction: Prediction, image: np.ndarray) -> None:
        """Write one image, uint8 RGB [H, W, 3], with its bars; after an error others can follow.

        Raises:
            RunError: It cannot be written.
        """
        if self.save_dir is None and self.writer is None:
            return
        names = self.names_of(prediction)
        annotated = score_bars(image, prediction.scores, names, self.lettering)
        self.write(Path(prediction.file_name).stem, annotated)

    def names_of(self, prediction: Prediction) -> list[str]:
        """Names of its classes that a font can show."""
        classes = zip(prediction.label_names, prediction.class_ids, strict=True)
        return [self.lettering.showable(name, f"class {number}") for name, number in classes]

    def write(self, stem: str, annotated: np.ndarray) -> None:
        """Write what was made of an image, uint8 RGB [H, W, 3], under the beginning of its name.

        Raises:
            RunError: It cannot be written.
        """
        name = self._free_name(stem)
        if self.writer is not None:
            self.writer.image(f"infer/{name}", annotated, 0)
        if self.save_dir is not None:
            _, data = cv2.imencode(".jpg", cv2.cvtColor(annotated, cv2.COLOR_RGB2BGR))
            write_whole(
                self.save_dir / f"{name}{ANNOTATED}",
                lambda beside: Path(beside).write_bytes(data.tobytes()),
            )

    def _free_name(self, stem: str) -> str:
        """``stem``, numbered if an image of the same name came before, e.g. from another folder.

        One that is too long for a file's name is cut off, with a part of its hash.
        """
        data = os.fsencode(stem)
        if len(data) > LONGEST:
            kept = data[:LONGEST].decode("utf-8", "ignore")
            stem = f"{kept}-{hashlib.sha256(data).hexdigest()[:8]}"
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        name = next(n for n in itertools.chain([stem], numbered) if n not in self.names)
        self.names.add(name)
        return name

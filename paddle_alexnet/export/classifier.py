"""An export folder as a classifier, whatever runs it."""

import re
from pathlib import Path

import numpy as np
import paddle

from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.export.engines import ENGINES, check_precision, choose_engine, has_gpu
from paddle_alexnet.export.folder import ExportFolder
from paddle_alexnet.inference.classifier import ImageClassifier
from paddle_alexnet.printable import printable

# What engines that have no MemoryError say.
NO_MEMORY = re.compile("bad.?alloc|failed to allocate|out of memory", re.IGNORECASE)


class ExportedClassifier(ImageClassifier):
    """An export folder as a classifier; same answers as the weights it was made of.

    Args:
        folder: The folder.
        engine: Of :func:`choose_engine`.
        device: ``cpu``, ``gpu:N``, or ``auto`` for the device that Paddle uses, where the engine
            can too, else ``cpu``.
        precision: Of :func:`paddle_alexnet.export.engines.check_precision`. bfloat16 is faster on a
            CPU that has it and gives other scores: up to 0.015 off, and another best class for 4 of
            362 photos (measured on a net that had learnt for 3 epochs).
    """

    def __init__(
        self,
        folder: ExportFolder,
        engine: str = "auto",
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        super().__init__(folder.description)
        self.path = folder.path
        self.engine = choose_engine(folder.format, engine)
        try:
            if device == "auto":
                device = paddle.get_device() if has_gpu(self.engine) else "cpu"
            check_precision(precision, self.engine, device)
            self._run = ENGINES[folder.format][self.engine](folder, device, precision)
        except (ConfigError, WeightsError):
            raise
        except ImportError as error:
            raise ConfigError(
                f"{self.engine} is installed but cannot be loaded ({_said(error)}): install it "
                "again, or choose another --engine"
            ) from error
        except Exception as error:  # engines raise anything for a damaged file
            _check_memory(error)
            raise WeightsError(
                f"{self.engine} cannot open {folder.path}: it is damaged or of another version "
                f"({_said(error)})"
            ) from error

    @classmethod
    def load(
        cls,
        path: str | Path,
        engine: str = "auto",
        device: str = "cpu",
        precision: str = "float32",
    ) -> "ExportedClassifier":
        """Open a folder that tools/export.py wrote.

        Raises:
            WeightsError: It is no such folder, of another version or damaged.
            ConfigError: The engine is missing, cannot be loaded, or has no such device or
                precision.
            MemoryError: It does not fit.
        """
        return cls(ExportFolder.open(path), engine, device, precision)

    def scores_of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """As :meth:`scores`, of preprocessed pictures uint8 [N, S, S, 3].

        Raises:
            WeightsError: The graph does not take such pictures, or gives something else.
            MemoryError: So many do not fit.
        """
        try:
            scores = self._run(np.ascontiguousarray(inputs))
        except Exception as error:  # engines raise anything
            _check_memory(error)
            raise WeightsError(
                f"{self.engine} cannot run {self.path} on pictures of {inputs.shape[1]} pixels: it "
                f"is damaged or of another version ({_said(error)})"
            ) from error
        if scores.shape != (len(inputs), len(self.classes)) or scores.dtype != np.float32:
            raise WeightsError(
                f"{self.path} names {len(self.classes)} classes, but gives {scores.dtype} "
                f"{list(scores.shape)} for {len(inputs)} pictures: export the weights again"
            )
        return scores


def _check_memory(error: Exception) -> None:
    """Raise MemoryError where an engine means that."""
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        raise MemoryError from error


def _said(error: Exception) -> str:
    """The kind of an error and the end of what it says, where the cause stands."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Paddle adds a hint and the operator.
    telling = [line for line in lines if not line.startswith(("[Hint", "[operator"))] or lines
    return printable(": ".join([type(error).__name__, *telling[-1:]]), 200)

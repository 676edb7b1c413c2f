"""Classify with an export folder, on any of the engines that read its format."""

import re
from pathlib import Path

import numpy as np
import paddle

from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.export.engines import ENGINES, check_precision, choose_engine, has_gpu
from paddle_alexnet.export.folder import ExportFolder
from paddle_alexnet.inference.classifier import ImageClassifier

# Messages of engines that do not raise MemoryError.
NO_MEMORY = re.compile("bad.?alloc|failed to allocate|out of memory", re.IGNORECASE)


class ExportedClassifier(ImageClassifier):
    """A classifier that runs an export folder; same scores as the weights it was made from.

    Args:
        folder: The folder.
        engine: See :func:`choose_engine`.
        device: ``cpu``, ``gpu:N``, or ``auto`` for the device that Paddle uses, where the engine
            can too, else ``cpu``.
        precision: See :func:`paddle_alexnet.export.engines.check_precision`. bfloat16 is faster on
            a CPU that has it, with scores up to 0.015 off and another best class for 4 of
            362 photos (measured on a net trained for 3 epochs).
    """

    def __init__(
        self,
        folder: ExportFolder,
        engine: str | None = None,
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
                f"{self.engine} is installed but cannot be loaded ({_summary(error)}): install it "
                "again, or choose another --engine"
            ) from error
        except Exception as error:  # engines raise anything for a damaged file
            _check_memory(error)
            raise WeightsError(
                f"{self.engine} cannot open {folder.path}: it is damaged or of another version "
                f"({_summary(error)})"
            ) from error

    @classmethod
    def load(
        cls,
        path: str | Path,
        engine: str | None = None,
        device: str = "cpu",
        precision: str = "float32",
    ) -> "ExportedClassifier":
        """Open a folder that tools/export.py wrote.

        Raises:
            WeightsError: It is not an export folder, of another version or damaged.
            ConfigError: The engine is missing, cannot be loaded, or does not support the device
                or the precision.
            MemoryError: It does not fit into memory.
        """
        return cls(ExportFolder.open(path), engine, device, precision)

    def scores_of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """As :meth:`scores`, of preprocessed images uint8 [N, S, S, 3].

        Raises:
            WeightsError: The graph does not take such images, or gives something else.
            MemoryError: The batch does not fit into memory.
        """
        try:
            scores = self._run(np.ascontiguousarray(inputs))
        except Exception as error:  # engines raise anything
            _check_memory(error)
            raise WeightsError(
                f"{self.engine} cannot run {self.path} on images of {inputs.shape[1]} pixels: it "
                f"is damaged or of another version ({_summary(error)})"
            ) from error
        if scores.shape != (len(inputs), len(self.classes)) or scores.dtype != np.float32:
            raise WeightsError(
                f"{self.path} names {len(self.classes)} classes, but gives {scores.dtype} "
                f"{list(scores.shape)} for {len(inputs)} images: export the weights again"
            )
        return scores


def _check_memory(error: Exception) -> None:
    """Raise MemoryError where an engine ran out of memory."""
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        raise MemoryError from error


def _summary(error: Exception) -> str:
    """The type of an error and the last line of its message, which states the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Paddle appends a hint and the operator.
    causes = [line for line in lines if not line.startswith(("[Hint", "[operator"))] or lines
    return ": ".join([type(error).__name__, *(repr(line[:200]) for line in causes[-1:])])

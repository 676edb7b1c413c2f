"""Named arrays and a few texts in one file, written so that it is whole or not there."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.writing import write_whole


def write_tensors(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    *,
    keep: Path | None = None,
) -> None:
    """Write a safetensors file; an older file of the name stays until the new one is complete.

    For ``keep`` see :func:`paddle_alexnet.storage.writing.write_whole`.

    Raises:
        RunError: It cannot be written.
    """
    # safetensors writes memory as it lies, so every array must be contiguous.
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_whole(
        path,
        lambda beside: safetensors.numpy.save_file(whole, beside, metadata=dict(metadata)),
        keep=keep,
    )


def read_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors file: arrays and metadata.

    Raises:
        WeightsError: The file is missing, cut off, or not of this format.
    """
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise WeightsError(f"there is no weights file {path}") from error
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be read as safetensors ({error}): it is damaged or of another format"
        ) from error

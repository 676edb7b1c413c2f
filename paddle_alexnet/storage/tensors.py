"""Named arrays and a few texts in one file, written so that it is whole or not there."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.files import write_whole

CHECKSUM = "checksum"  # its key in the metadata
OUR_FORMATS = "paddle-alexnet"  # how the metadata's format of a file that only we write begins


def write_tensors(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    *,
    keep: Path | None = None,
) -> None:
    """Write a safetensors file; an older file of the name stays until the new one is complete.

    Its metadata gets a checksum of all the rest, for :func:`read_tensors`. For ``keep`` see
    :func:`paddle_alexnet.storage.files.write_whole`.

    Raises:
        RunError: It cannot be written.
    """
    # safetensors writes memory as it lies, so every array must be contiguous.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    texts = {**metadata, CHECKSUM: _checksum(whole, metadata)}

    def write(beside: str) -> None:
        safetensors.numpy.save_file(whole, beside, metadata=texts)
        _sort_metadata(Path(beside))

    write_whole(path, write, keep=keep)


def _sort_metadata(path: Path) -> None:
    """Give the metadata of a file an order; safetensors writes it in another one each time.

    So the same content is the same file, byte for byte. The header stays as long as it is.
    """
    with open(path, "rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) > size:
            raise ValueError("the header is not written as safetensors writes it")
        file.seek(8)
        file.write(text.ljust(size))


def read_tensors(
    path: str | Path, *, foreign: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors file: arrays and metadata, without the checksum.

    Args:
        path: The file.
        foreign: Whether a file of others, which has no checksum, will do.

    Raises:
        WeightsError: The file is missing, cut off, not of this format, or not as it was written.
    """
    if Path(path).is_dir():
        raise WeightsError(
            f"{path} is a folder, not a weights file: that of a run is best.safetensors in it"
        )
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise WeightsError(f"there is no weights file {path}") from error
    # The last two: a kind of number that numpy does not have, such as bfloat16.
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} cannot be read as safetensors ({error}): it is damaged or of another format"
        ) from error
    written = metadata.pop(CHECKSUM, None)
    if written is None:
        if not foreign or metadata.get("format", "").startswith(OUR_FORMATS):
            raise WeightsError(
                f"{path} has no checksum: it is of another project (tools/convert.py takes "
                "weights), written by an early version, or damaged"
            )
    elif written != _checksum(arrays, metadata):
        raise WeightsError(
            f"{path} is damaged: its content is not what was written, by its checksum; use a copy"
        )
    return arrays, metadata


def _checksum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """SHA-256 of metadata and arrays, whatever their order.

    Of a JSON text that names all and has no two readings, a zero, and the arrays' bytes, whose
    lengths that text tells.
    """
    ordered = sorted(arrays.items())
    head = [
        sorted(metadata.items()),
        [[name, array.dtype.name, array.shape] for name, array in ordered],
    ]
    digest = hashlib.sha256(json.dumps(head).encode("ascii") + b"\0")
    for _, array in ordered:
        # As safetensors has numbers: the least byte first. Nothing is copied where they are so.
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(little.reshape(-1).view(np.uint8))
    return f"sha256:{digest.hexdigest()}"

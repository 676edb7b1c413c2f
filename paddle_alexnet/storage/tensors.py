"""Named arrays and metadata in one safetensors file with a checksum."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.files import write_whole

CHECKSUM = "checksum"  # its key in the metadata
OUR_FORMATS = "paddle-alexnet"  # prefix of "format" in the metadata of files that only we write


def write_tensors(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    *,
    keep: Path | None = None,
) -> None:
    """Write a safetensors file; an older file of the name stays until the new one is complete.

    A checksum of all content is added to the metadata, for :func:`read_tensors`. For ``keep`` see
    :func:`paddle_alexnet.storage.files.write_whole`.

    Raises:
        RunError: It cannot be written.
    """
    # safetensors writes the memory of an array in order, so every array must be contiguous.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {**metadata, CHECKSUM: _checksum(whole, metadata)}

    def write(part: str) -> None:
        safetensors.numpy.save_file(whole, part, metadata=metadata)
        _sort_metadata(part)

    write_whole(path, write, keep=keep)


def _sort_metadata(path: str) -> None:
    """Sort the metadata of a file: safetensors writes it in a random order.

    So the same content gives the same file, byte for byte. The header keeps its length.
    """
    with open(path, "rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) > size:
            raise ValueError("the header is longer than the one that safetensors wrote")
        file.seek(8)
        file.write(text.ljust(size))


def read_tensors(
    path: str | Path, *, foreign: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors file: arrays and metadata, without the checksum.

    Args:
        path: The file.
        foreign: Accept a file of another project, which has no checksum.

    Raises:
        WeightsError: The file is missing, truncated, damaged or of another format.
    """
    with _errors_of(path):
        file = _open(path)
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    written = metadata.pop(CHECKSUM, None)
    if written is None:
        if not foreign or metadata.get("format", "").startswith(OUR_FORMATS):
            raise WeightsError(
                f"{path} has no checksum: it is of another project (tools/convert.py converts "
                "weights), written by an early version, or damaged"
            )
    elif written != _checksum(arrays, metadata):
        raise WeightsError(
            f"{path} is damaged: its content does not match its checksum; use a copy of the file"
        )
    return arrays, metadata


def map_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """As :func:`read_tensors`, but mapped into memory: values are read as they are used.

    Names, dtypes, shapes and the file's size are checked; the checksum is not, as that would read
    the whole file.

    Raises:
        WeightsError: The file is missing, truncated or of another format.
    """
    with _errors_of(path):
        metadata = _open(path).metadata() or {}  # checks the header
        mapped = np.asarray(np.memmap(path, np.uint8, "r"))
        start = 8 + int.from_bytes(mapped[:8].tobytes(), "little")
        arrays = {}
        for name, entry in json.loads(mapped[8:start].tobytes()).items():
            if name != "__metadata__":
                kind = entry["dtype"]  # such as F16
                dtype = np.dtype(f"<{kind[0].lower()}{int(kind[1:]) // 8}")
                data = mapped[start:][slice(*entry["data_offsets"])]
                arrays[name] = data.view(dtype).reshape(entry["shape"])
        metadata.pop(CHECKSUM, None)
        return arrays, metadata


def stated_checksum(path: str | Path) -> str:
    """The checksum in a file's metadata, by which files are told apart; the content is not read.

    Raises:
        WeightsError: As :func:`map_tensors`.
    """
    with _errors_of(path):
        return (_open(path).metadata() or {}).get(CHECKSUM, "")


def _open(path: str | Path) -> safetensors.safe_open:
    return safetensors.safe_open(str(path), framework="numpy")


@contextlib.contextmanager
def _errors_of(path: str | Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    if Path(path).is_dir():
        raise WeightsError(
            f"{path} is a folder, not a weights file: that of a run is best.safetensors in it"
        )
    if Path(path).exists() and not os.access(path, os.R_OK):  # safetensors calls it not found
        raise WeightsError(f"{path} cannot be read: change its permissions")
    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(f"there is no weights file {path}") from error
    # The last two: a dtype that numpy does not have, such as bfloat16.
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} cannot be read as safetensors ({error}): it is damaged or of another format"
        ) from error


def _checksum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """SHA-256 that does not depend on the order of arrays or metadata.

    It covers a canonical JSON text of the metadata and of all names, dtypes and shapes, a zero
    byte, and the little-endian bytes of the arrays in order of their names.
    """
    ordered = sorted(arrays.items())
    kinds = [[name, array.dtype.name, array.shape] for name, array in ordered]
    digest = hashlib.sha256(json.dumps([sorted(metadata.items()), kinds]).encode("ascii") + b"\0")
    for _, array in ordered:
        # safetensors is little-endian. Nothing is copied on a little-endian machine.
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(little.reshape(-1).view(np.uint8))
    return f"sha256:{digest.hexdigest()}"

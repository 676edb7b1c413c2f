"""Weights files of other projects: named arrays in .safetensors, .npz, .pth and .pdparams."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.interchange.pdparams import read_pdparams
from paddle_alexnet.storage.files import write_whole
from paddle_alexnet.storage.tensors import read_tensors, write_tensors

MAX_NUMBERS = 1 << 29  # in a file; the largest net has 76 million
STATES = ("state_dict", "model_state_dict", "model", "module", "net")
WRITABLE = {"torch": (".safetensors", ".npz", ".pth", ".pt"), "paddle": (".pdparams",)}


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read a file by its suffix; nothing in it is executed.

    Raises:
        WeightsError: It is missing, damaged or of another format, or needs torch, which is not
            installed.
    """
    suffix = Path(path).suffix
    if suffix not in READERS:
        raise WeightsError(f"{path}: expected a name that ends in {', '.join(READERS)}")
    if not Path(path).exists():
        raise WeightsError(f"there is no weights file {path}")
    return READERS[suffix](path)


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], to: str) -> None:
    """Write a file for torch or Paddle by its suffix, whole or not at all.

    Args:
        path: Ends as :data:`WRITABLE` lists for ``to``.
        arrays: By the names that the file is to have.
        to: ``torch`` or ``paddle``.

    Raises:
        WeightsError: Another suffix, or torch is needed and not installed.
        RunError: The file cannot be written.
    """
    suffix = Path(path).suffix
    if suffix not in WRITABLE[to]:
        raise WeightsError(
            f"{path}: expected a name that ends in {', '.join(WRITABLE[to])} for --to {to}"
        )
    if suffix == ".safetensors":
        write_tensors(path, arrays, {"format": "pt"})
    elif suffix == ".npz":
        write_whole(path, lambda beside: _write_npz(beside, arrays))
    elif suffix == ".pdparams":
        tensors = {name: paddle.to_tensor(array) for name, array in arrays.items()}
        write_whole(path, lambda beside: paddle.save(tensors, beside))
    else:
        torch = _torch(path)
        state = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        write_whole(path, lambda beside: torch.save(state, beside))


def _read_npz(path: str | Path) -> dict[str, np.ndarray]:
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # damaged archives raise any exception
        raise WeightsError(f"{path} cannot be read as .npz: {str(error)[:200]!r}") from error


def _write_npz(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    with open(path, "wb") as file:  # savez adds a suffix to names
        np.savez(file, **arrays)


def _read_torch(path: str | Path) -> dict[str, np.ndarray]:
    torch = _torch(path)
    try:
        _check_size(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises any exception for damaged files
        first = str(error).split("\n")[0][:200]
        raise WeightsError(
            f"{path} is refused by torch's weights-only loader: {first!r}"
        ) from error
    # What trainers save: the state dict under one name, beside epochs and the optimizer.
    if isinstance(state, dict):
        inner = [state[key] for key in STATES if isinstance(state.get(key), dict)]
        state = inner[0] if len(inner) == 1 else state
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise WeightsError(f"{path} is not a state dict: expected tensors by name")
    # A tensor of stride 0 repeats one number any number of times.
    if sum(tensor.numel() for tensor in state.values()) > MAX_NUMBERS:
        raise WeightsError(f"{path} holds over {MAX_NUMBERS:,} numbers: no net here has as many")
    arrays = {}
    for name, tensor in state.items():
        try:
            kind = torch.float32 if tensor.is_floating_point() else tensor.dtype
            arrays[name] = tensor.detach().to(kind).numpy()
        except Exception as error:  # sparse, quantised, of no device
            raise WeightsError(
                f"{path}: {name[:100]!r} is not a plain tensor: {type(error).__name__}"
            ) from error
    return arrays


def _check_size(path: str | Path) -> None:
    """An archive may unpack to a thousand times its size.

    Raises:
        ValueError: It is larger than any net here.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > 8 * MAX_NUMBERS:
            raise ValueError(f"it unpacks to {size:,} bytes, more than any net here has")


def _torch(path: str | Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise WeightsError(
            f"{path} needs PyTorch, which is not installed: install it, or use .safetensors or .npz"
        ) from error
    return torch


READERS: dict[str, Callable[[str | Path], dict[str, np.ndarray]]] = {
    ".safetensors": lambda path: read_tensors(path, foreign=True)[0],
    ".npz": _read_npz,
    ".pth": _read_torch,
    ".pt": _read_torch,
    ".pdparams": read_pdparams,
}

"""Reading .pdparams without running anything in the file.

Such a file is a pickle, a program that may call any function. Here every function it may name is
replaced by one of the few below, which only record arrays; any other name ends the reading.
"""

import collections
import io
import math
import pickle  # nosec B403 # for its Unpickler, which may call the functions below only
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from paddle_alexnet.errors import WeightsError

# Paddle's own record in the file: which parameter of the process a name stood for.
NOTES = "StructuredToParameterName@@"


class _Kind:
    """Stands for a numpy dtype."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code if isinstance(code, str) else "?"
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    def make(self) -> np.dtype:
        if self.code not in ("f2", "f4", "f8") or self.order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"an array of kind {self.code!r}, expected floats")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """Stands for a numpy array; its content comes as the state."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state[1:]  # without the version

    def make(self) -> np.ndarray:
        if self.state is None:
            raise pickle.UnpicklingError("an array without content")
        shape, kind, columns_first, data = self.state
        dtype = kind.make()
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError(f"{len(data)} bytes for an array of shape {shape}")
        array = np.frombuffer(data, dtype)
        return array.reshape(shape, order="F" if columns_first else "C")


def _array_of_buffer(data: bytes, kind: _Kind, shape: tuple[int, ...], order: str) -> _Array:
    """How numpy writes an array in pickle protocol 5."""
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", data))
    return array


def _encode(text: str, encoding: str) -> bytes:
    """How old protocols write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
    ("builtins", "tuple"): tuple,
    ("collections", "OrderedDict"): collections.OrderedDict,
    # The module was renamed with numpy 2.
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array_of_buffer for core in ("core", "_core")},
}


# What arrays never need: sets, objects of classes, and objects kept elsewhere.
_REFUSED = (
    *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET),
    *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX),
    *(pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.PERSID, pickle.BINPERSID, pickle.NEXT_BUFFER),
)


# The Python implementation: the one in C takes 34 GB for a ten-byte file whose memo index is 2^31.
class _Reader(pickle._Unpickler):
    dispatch = {
        code: read
        for code, read in pickle._Unpickler.dispatch.items()
        if bytes([code]) not in _REFUSED
    }

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it wants to call {f'{module}.{name}'[:100]!r}")
        return _STAND_INS[module, name]

    def load_build(self) -> None:
        """Allow a state for what stands for a dtype or an array, not for the functions above."""
        state = self.stack.pop()
        if type(self.stack[-1]) not in (_Kind, _Array):
            raise pickle.UnpicklingError("it wants to change something other than an array")
        self.stack[-1].__setstate__(state)

    dispatch[pickle.BUILD[0]] = load_build

    def load_bytearray8(self) -> None:
        """Take no more memory than there are bytes in the file."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def read_pdparams(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file of ``paddle.save(net.state_dict(), ...)``.

    Returns:
        Arrays of floats by name.

    Raises:
        WeightsError: The file is missing or damaged, names any function, or holds something other
            than arrays.
    """
    try:
        content = _Reader(io.BytesIO(Path(path).read_bytes())).load()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # a damaged pickle raises any exception
        raise WeightsError(f"{path} is not read: {_reason(error)}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} does not hold arrays by name")
    arrays = {}
    for name, value in content.items():
        if name == NOTES:
            continue
        # Paddle 2.0 and 2.1 write a parameter as its name in the process and its array.
        array = value[1] if isinstance(value, tuple) and len(value) == 2 else value
        if not isinstance(name, str) or not isinstance(array, _Array):
            raise WeightsError(f"{path} holds {name!r:.100}, which is not an array by its name")
        try:
            arrays[name] = array.make()
        except Exception as error:  # an array's state is as untrusted as the file
            raise WeightsError(f"{path} is not read: {name[:100]!r}: {_reason(error)}") from error
    return arrays


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):  # an opcode that is refused above, or that does not exist
        return "it holds something that arrays never need"
    if isinstance(error, pickle.UnpicklingError):
        return str(error)[:200]
    return f"{type(error).__name__} {str(error)[:200]!r}"

"""Files of arrays: readable by another library, and every wrong bit is found."""

import hashlib
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.storage.tensors import (
    map_tensors,
    read_tensors,
    stated_checksum,
    write_tensors,
)

ARRAYS = {
    "b/x": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([1, -2], np.int64),
    "none": np.zeros((0, 4), np.float32),
    "one": np.array(0.5),
}
METADATA = {"format": "paddle-alexnet-test", "text": "雏菊"}


@pytest.fixture
def path(tmp_path):
    write_tensors(tmp_path / "a.safetensors", ARRAYS, METADATA)
    return tmp_path / "a.safetensors"


def write_raw(path, header, data=b""):
    """A safetensors file by hand; ``header`` as it is if bytes."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)


def entry(dtype, shape, size):
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}


def test_round_trip(path):
    arrays, metadata = read_tensors(path)
    assert metadata == METADATA
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_a_mapped_file(path):
    arrays, metadata = map_tensors(path)
    assert metadata == METADATA
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
        assert not arrays[name].flags.owndata
        assert not arrays[name].flags.writeable


def test_a_mapped_file_that_is_damaged(path, tmp_path):
    """Its head is checked; a bit of the values is not, which reading them all finds."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match="damaged"):
        map_tensors(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    map_tensors(path)
    with pytest.raises(WeightsError, match="damaged"):
        read_tensors(path)
    with pytest.raises(WeightsError, match="no weights file"):
        map_tensors(tmp_path / "none")
    write_raw(path, {"x": entry("BF16", [1], 2)}, b"\0\0")
    with pytest.raises(WeightsError, match=str(path)):
        map_tensors(path)


def test_the_stated_checksum(path, tmp_path):
    first = stated_checksum(path)
    assert first.startswith("sha256:")
    write_tensors(tmp_path / "copy", ARRAYS, METADATA)
    assert stated_checksum(tmp_path / "copy") == first
    write_tensors(path, {**ARRAYS, "one": np.array(0.6)}, METADATA)
    assert stated_checksum(path) != first


def test_arrays_that_are_not_contiguous_or_big_endian(tmp_path):
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_tensors(tmp_path / "a", {"turned": turned, "big": turned.astype(">f4")}, {})
    for array in read_tensors(tmp_path / "a")[0].values():
        np.testing.assert_array_equal(array, turned)


def test_another_library_reads_it_and_finds_the_checksum(path):
    """The checksum by its definition, computed in another way than in the module."""
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    checksum = metadata.pop("checksum")
    names = sorted(arrays)
    kinds = [[name, str(arrays[name].dtype), list(arrays[name].shape)] for name in names]
    text = json.dumps([sorted([key, value] for key, value in metadata.items()), kinds])
    content = text.encode() + b"\0" + b"".join(arrays[name].tobytes() for name in names)
    assert checksum == "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.slow
def test_every_wrong_bit_is_found(path):
    good = path.read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        with pytest.raises(WeightsError, match=r"a\.safetensors"):
            read_tensors(path)


@pytest.mark.parametrize(
    ("arrays", "metadata"),
    [
        ({"x": ARRAYS["a"]}, {}),
        ({"a": ARRAYS["a"].view(np.uint64)}, {}),
        ({"a": ARRAYS["a"].reshape(2, 1)}, {}),
        ({"a": ARRAYS["a"][::-1]}, {}),
        ({"a": ARRAYS["a"], "b": ARRAYS["a"]}, {}),
        ({}, {}),
        ({"a": ARRAYS["a"]}, {"key": "value"}),
    ],
)
def test_another_content_under_the_same_checksum(tmp_path, arrays, metadata):
    path = tmp_path / "a"
    write_tensors(path, {"a": ARRAYS["a"]}, {})
    with safetensors.safe_open(path, "numpy") as file:
        checksum = file.metadata()
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    safetensors.numpy.save_file(arrays, path, {**metadata, **checksum})
    with pytest.raises(WeightsError, match="is damaged"):
        read_tensors(path, foreign=True)


def test_a_file_without_a_checksum(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"a": ARRAYS["a"]}, path)
    with pytest.raises(WeightsError, match=r"a\.safetensors has no checksum"):
        read_tensors(path)
    np.testing.assert_array_equal(read_tensors(path, foreign=True)[0]["a"], ARRAYS["a"])
    # In a file of our own, it was removed.
    safetensors.numpy.save_file({"a": ARRAYS["a"]}, path, METADATA)
    with pytest.raises(WeightsError, match="has no checksum"):
        read_tensors(path, foreign=True)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": entry("BF16", [1], 2)}, 2),  # numpy does not have it
        ({"a": entry("F8_E4M3", [1], 1)}, 1),
        ({"a": entry("F32", [1] * 100, 4)}, 4),
        ({"a": entry("F32", [0, 2**63], 0)}, 0),
        ({"a": entry("F32", [2**62, 2], 4)}, 4),
        ({"a": entry("F32", [10**30], 4)}, 4),
        ({"a": entry("F32", [-1], 4)}, 4),
        ({"a": entry("F32", [1], 4), "b": entry("F32", [1], 4)}, 4),  # the same bytes
        ({"a": entry("F32", [1], 4)}, 5),
        ({"__metadata__": {"format": 3}}, 0),
        (b'{"a":' * 10000, 0),
        (b"\xff" * 10, 0),
    ],
)
def test_impossible_headers(tmp_path, header, data):
    write_raw(tmp_path / "a.safetensors", header, b"\0" * data)
    with pytest.raises(WeightsError, match=r"a\.safetensors cannot be read"):
        read_tensors(tmp_path / "a.safetensors", foreign=True)


def test_a_header_longer_than_the_file(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 1 << 63) + b"{}")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_tensors(tmp_path / "a.safetensors", foreign=True)


def test_the_same_content_is_the_same_file(tmp_path):
    """In other processes too, where hash tables have another order."""
    code = (
        "import numpy as np, sys\n"
        "from paddle_alexnet.storage.tensors import write_tensors\n"
        "texts = {f'key {i}': f'\u96cf\u83ca \\x7f\\n{i}' for i in range(9)}\n"
        "write_tensors(sys.argv[1], {'b': np.ones((2, 3)), 'a': np.zeros(2, 'f4')}, texts)"
    )
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for file in files:
        subprocess.run([sys.executable, "-c", code, str(file)], check=True)
    assert len({file.read_bytes() for file in files}) == 1
    arrays, texts = read_tensors(files[0], foreign=True)
    assert texts["key 3"] == "\u96cf\u83ca \x7f\n3" and arrays["b"].tolist() == [[1.0] * 3] * 2


def test_a_file_that_may_not_be_read_is_not_missing(tmp_path, monkeypatch):
    write_raw(tmp_path / "w.safetensors", {}, b"")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(WeightsError, match=r"w\.safetensors cannot be read: change"):
        map_tensors(tmp_path / "w.safetensors")

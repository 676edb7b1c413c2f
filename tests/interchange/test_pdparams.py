"""Paddle's parameter files: arrays come out, and nothing in the file runs."""

import collections
import os
import pickle

import numpy as np
import paddle
import pytest

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.interchange.pdparams import read_pdparams

ARRAYS = {
    "_conv1._conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "_conv1._conv.bias": np.array([0.5, -1.5], np.float32),
    "wide": np.arange(6, dtype=np.float64).reshape(2, 3),
}


def assert_read(path):
    got = read_pdparams(path)
    assert got.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_paddle_saves(tmp_path, protocol):
    tensors = {name: paddle.to_tensor(array) for name, array in ARRAYS.items()}
    paddle.save(tensors, str(tmp_path / "w.pdparams"), protocol=protocol)
    assert_read(tmp_path / "w.pdparams")


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_and_an_ordered_dict(tmp_path, protocol):
    """Files of Paddle before 2.0 are plain pickles of arrays."""
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps(collections.OrderedDict(ARRAYS), protocol))
    assert_read(path)


def test_names_and_notes_that_paddle_adds(tmp_path):
    """A value may be a pair of the parameter's name in the process and the array."""
    path = tmp_path / "w.pdparams"
    notes = {"StructuredToParameterName@@": {"wide": "linear_0.w_0"}}
    pairs = {name: (f"p_{i}", array) for i, (name, array) in enumerate(ARRAYS.items())}
    path.write_bytes(pickle.dumps({**pairs, **notes}, 2))
    assert_read(path)


def test_columns_first_and_the_other_byte_order(tmp_path):
    path = tmp_path / "w.pdparams"
    array = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
    path.write_bytes(pickle.dumps({"x": array}, 2))
    np.testing.assert_array_equal(read_pdparams(path)["x"], array)


class Command:
    """Pickled, asks the reader to call something."""

    def __init__(self, function, *words):
        self.call = (function, words)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "function", [os.system, os.mkdir, eval, exec, __import__, getattr, np.load, pickle.loads]
)
def test_nothing_is_called(tmp_path, function, nested):
    trace = tmp_path / "trace"
    word = f"touch {trace}" if function is os.system else str(trace)
    command = Command(function, word)
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps({"x": [command]} if nested else command))
    with pytest.raises(WeightsError, match=rf"wants to call \S*{function.__name__}"):
        read_pdparams(path)
    assert not trace.exists()


def test_a_way_around_through_an_allowed_name(tmp_path):
    """Protocol 4 lets a name have dots: numpy's ndarray is allowed, its attributes are not."""
    path = tmp_path / "w.pdparams"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x19ndarray.__init_subclass__\x93.")
    with pytest.raises(WeightsError, match="wants to call"):
        read_pdparams(path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([1, 2], "arrays by name"),
        ({"x": "text"}, "'x'"),
        ({"x": {"y": np.ones(2, np.float32)}}, "'x'"),
        ({7: np.ones(2, np.float32)}, "7"),
        ({"x": np.arange(3)}, "floats"),
        ({"x": np.array([{}], object)}, "floats"),
        ({"x": np.array(["a"])}, "floats"),
    ],
)
def test_other_content(tmp_path, content, word):
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=word):
        read_pdparams(path)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # an object of number 2^31
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\x00\x00.",  # so many bytes, it says
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\x00\x00.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\x00\x00.",
    ],
)
def test_a_few_bytes_do_not_take_all_memory(tmp_path, content):
    path = tmp_path / "w.pdparams"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.pdparams"):
        read_pdparams(path)


def test_no_state_is_given_to_what_reads_the_file(tmp_path):
    """A state would become attributes of the function that stands for numpy's, for good."""
    path = tmp_path / "w.pdparams"
    state = b"N}X\x01\x00\x00\x00xK\x01s\x86"  # (None, {"x": 1})
    path.write_bytes(b"\x80\x02cnumpy.core.numeric\n_frombuffer\n" + state + b"b.")
    with pytest.raises(WeightsError, match="change something other than an array"):
        read_pdparams(path)


@pytest.mark.parametrize(
    "content", [{1, 2}, frozenset([1]), collections.Counter, {"x": {"a"}}, {"x": object()}]
)
def test_what_arrays_never_need(tmp_path, content):
    path = tmp_path / "w.pdparams"
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps(content, protocol))
        with pytest.raises(WeightsError, match=r"never need|wants to call|arrays by name"):
            read_pdparams(path)


def test_missing(tmp_path):
    with pytest.raises(WeightsError, match=r"w\.pdparams"):
        read_pdparams(tmp_path / "w.pdparams")


def test_damaged_files_end_in_one_line(tmp_path):
    whole = pickle.dumps(ARRAYS, 4)
    rng = np.random.default_rng(0)
    path = tmp_path / "w.pdparams"
    refused = 0
    for trial in range(600):
        data = bytearray(whole)
        if trial % 2:
            del data[rng.integers(len(data)) :]
        else:
            for place in rng.integers(len(data), size=rng.integers(1, 6)):
                data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            arrays = read_pdparams(path)
        except WeightsError as error:
            refused += 1
            assert str(path) in str(error)
        else:
            assert all(isinstance(array, np.ndarray) for array in arrays.values())
    assert refused > 300

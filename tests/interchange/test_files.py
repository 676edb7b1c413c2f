"""Files of others, read by their own libraries where these are installed."""

import importlib.util
import pickle

import numpy as np
import paddle
import pytest
import safetensors.numpy

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.interchange import files
from paddle_alexnet.interchange.files import read_arrays, write_arrays

TORCH = importlib.util.find_spec("torch") is not None
ARRAYS = {
    "features.0.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "features.0.bias": np.array([0.5, -1.5], np.float32),
}


def assert_same(got):
    assert {k: np.asarray(v).tolist() for k, v in got.items()} == {
        k: v.tolist() for k, v in ARRAYS.items()
    }


def test_safetensors(tmp_path):
    safetensors.numpy.save_file(ARRAYS, tmp_path / "a.safetensors")
    assert_same(read_arrays(tmp_path / "a.safetensors"))
    write_arrays(tmp_path / "b.safetensors", ARRAYS, "torch")
    assert_same(safetensors.numpy.load_file(tmp_path / "b.safetensors"))


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    assert_same(read_arrays(tmp_path / "a.npz"))
    write_arrays(tmp_path / "b.npz", ARRAYS, "torch")
    with np.load(tmp_path / "b.npz") as file:
        assert_same(dict(file))


def test_pdparams(tmp_path):
    tensors = {name: paddle.to_tensor(array) for name, array in ARRAYS.items()}
    paddle.save(tensors, str(tmp_path / "a.pdparams"))
    assert_same(read_arrays(tmp_path / "a.pdparams"))
    write_arrays(tmp_path / "b.pdparams", ARRAYS, "paddle")
    assert_same(paddle.load(str(tmp_path / "b.pdparams")))


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_torchs_own(tmp_path, suffix):
    import torch

    torch.save({k: torch.from_numpy(v) for k, v in ARRAYS.items()}, tmp_path / f"a{suffix}")
    assert_same(read_arrays(tmp_path / f"a{suffix}"))
    write_arrays(tmp_path / f"b{suffix}", ARRAYS, "torch")
    assert_same(torch.load(tmp_path / f"b{suffix}", weights_only=True))


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
def test_what_torch_does_not_load_as_weights(tmp_path):
    import torch

    path = tmp_path / "a.pth"
    torch.save(torch.nn.ReLU(), path)
    with pytest.raises(WeightsError, match="weights-only"):
        read_arrays(path)
    torch.save([torch.ones(1)], path)
    with pytest.raises(WeightsError, match="state dict"):
        read_arrays(path)
    path.write_bytes(b"no zip")
    with pytest.raises(WeightsError, match=r"a\.pth"):
        read_arrays(path)


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_trainers_checkpoint(tmp_path, key):
    import torch

    state = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
    torch.save({"epoch": 3, key: state, "optimizer": {"lr": 0.1}}, tmp_path / "a.pth")
    assert_same(read_arrays(tmp_path / "a.pth"))


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
def test_torchs_parameters_and_half_floats(tmp_path):
    import torch

    parameter = torch.nn.Parameter(torch.tensor([0.5, -1.5]))
    torch.save({"a": parameter, "b": parameter.detach().bfloat16()}, tmp_path / "a.pth")
    got = read_arrays(tmp_path / "a.pth")
    assert [got[name].tolist() for name in "ab"] == [[0.5, -1.5]] * 2


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
@pytest.mark.parametrize("kind", ["sparse", "meta", "large", "key"])
def test_tensors_that_are_no_arrays(tmp_path, kind):
    import torch

    path, one = tmp_path / "a.pth", torch.ones(1)
    torch.save(
        {
            "sparse": {"a": torch.eye(3).to_sparse()},
            "meta": {"a": torch.ones(3, device="meta")},
            "large": {"a": one.half().expand(10**12)},  # one number, 10^12 times
            "key": {("a",): one},
        }[kind],
        path,
    )
    with pytest.raises(WeightsError, match=r"a\.pth"):
        read_arrays(path)


@pytest.mark.parametrize("suffix", [".npz"] + [".pth"] * TORCH)
def test_an_archive_that_unpacks_to_gigabytes(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(files, "MAX_NUMBERS", 1000)
    path = tmp_path / f"a{suffix}"
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(10**6))
    (tmp_path / "a.npz").rename(path)
    assert path.stat().st_size < 8000
    with pytest.raises(WeightsError, match="unpacks to 8,000,"):
        read_arrays(path)


@pytest.mark.parametrize("suffix", files.READERS)
def test_a_missing_file(tmp_path, suffix):
    with pytest.raises(WeightsError, match="there is no weights file"):
        read_arrays(tmp_path / f"no{suffix}")


@pytest.mark.skipif(TORCH, reason="torch is installed")
def test_without_torch_the_message_names_it(tmp_path):
    (tmp_path / "a.pth").touch()
    for act in (read_arrays, lambda path: write_arrays(path, ARRAYS, "torch")):
        with pytest.raises(WeightsError, match="PyTorch"):
            act(tmp_path / "a.pth")


def test_npz_of_objects_runs_nothing(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([print], object))
    with pytest.raises(WeightsError, match=r"a\.npz"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pdparams"])
def test_missing_and_damaged(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(WeightsError, match=f"a\\{suffix}"):
        read_arrays(path)
    for data in (b"", b"no weights", pickle.dumps(1), b"PK\x03\x04", b"PK\x05\x06" + bytes(18)):
        path.write_bytes(data)
        if data[:4] == b"PK\x05\x06" and suffix == ".npz":  # an archive of nothing
            assert read_arrays(path) == {}
            continue
        with pytest.raises(WeightsError, match=f"a\\{suffix}"):
            read_arrays(path)


def test_damaged_npz_ends_in_one_line(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **ARRAYS)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_arrays(path)
        except WeightsError as error:
            assert str(path) in str(error)


def test_other_suffixes(tmp_path):
    with pytest.raises(WeightsError, match=r"\.pdparams"):
        read_arrays(tmp_path / "a.caffemodel")
    with pytest.raises(WeightsError, match=r"\.safetensors"):
        write_arrays(tmp_path / "a.pdparams", ARRAYS, "torch")
    with pytest.raises(WeightsError, match=r"\.pdparams"):
        write_arrays(tmp_path / "a.pth", ARRAYS, "paddle")

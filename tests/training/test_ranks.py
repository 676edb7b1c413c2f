"""Two processes that train together, against one that sees the same batches."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import distributed

from paddle_alexnet.config.load import make_config, read_config
from paddle_alexnet.data.sources import check_batches, open_data
from paddle_alexnet.errors import ConfigError, PeerLost
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.runtime.distributed import ALONE, Ranks, join_ranks
from paddle_alexnet.storage.tensors import read_tensors
from paddle_alexnet.training.train import open_run

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "configs" / "quickstart.yml"
SETTINGS = [
    "model.width=0.02",
    "model.dropout=0.0",
    "train.epochs=2",
    "train.batch_size=9",  # 50 images: shares of 5 and 4, and 3 and 2 in the last batch
    "train.device=cpu",
    "train.log_every_steps=2",
]
LAUNCH = ["-m", "paddle.distributed.launch", "--nproc_per_node", 2, "--backend", "gloo"]


class Unmet(Ranks):
    """Two processes that need not meet."""

    def all_reduce_sum(self, values):
        return values


def train(launcher, out, flowers, *more):
    overrides = [f"data.root={flowers}", *SETTINGS, *more]
    program = [HERE / "ranks_program.py", CONFIG, out / "run", out / "rank{}.npz", *overrides]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PADDLE_")}
    done = subprocess.run(
        [sys.executable, *map(str, [*launcher, *program])],
        cwd=out,
        env={**environment, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return read_metrics(out / "run" / "metrics.jsonl")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], marks=pytest.mark.slow),
        ["data.mean=image", "train.compile=none"],
        pytest.param(["train.accumulate_steps=2", "train.compile=none"], marks=pytest.mark.slow),
    ],
)
def test_one_process_and_two_give_the_same(flowers, tmp_path, more):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    alone = train([], tmp_path / "one", flowers, *more)
    rows = train([*LAUNCH, "--log_dir", tmp_path / "logs"], tmp_path / "two", flowers, *more)
    assert [row["epoch"] for row in rows] == [1, 2]  # one writer
    for got, want in zip(rows, alone, strict=True):
        for key in ("train/loss", "val/loss"):
            assert got[key] == pytest.approx(want[key], rel=1e-4), key
        assert got["train/top1"] == want["train/top1"]
        assert got["val/top1"] == want["val/top1"]
    pixels = [tmp_path / name / "run" / "pixels.safetensors" for name in ("one", "two")]
    assert pixels[0].exists() == ("data.mean=image" in more)
    if pixels[0].exists():
        assert pixels[0].read_bytes() == pixels[1].read_bytes()
    first, second = (dict(np.load(tmp_path / "two" / f"rank{i}.npz")) for i in (0, 1))
    single = dict(np.load(tmp_path / "one" / "rank0.npz"))
    assert (single.pop("count"), first.pop("count"), second.pop("count")) == (1, 2, 2)
    for key, want in single.items():
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)
        np.testing.assert_allclose(first[key], want, atol=1e-4 * np.abs(want).max(), err_msg=key)


TOWERS = [
    *("model.name=alexnet_2012", "model.width=0.05", "train.compile=none", "data.mean=image"),
    *("optimizer.lr=0.0005", "optimizer.average=0.9", "optimizer.clip_norm=1.0"),
    *("model.init=he_small_head", "train.log_every_steps=1", "train.epochs=3"),
    "train.batch_size=7",  # 50 images: the last batch is one image, which both towers see
]


@pytest.mark.parametrize("dropout", [pytest.param(0.0, marks=pytest.mark.slow), 0.5])
def test_two_towers_and_one_process_give_the_same(flowers, tmp_path, dropout):
    """With dropout too, as the masks are the same; the files are those of one process."""
    runs = tmp_path / "one", tmp_path / "two"
    for path, parallel in zip(runs, ("data", "towers"), strict=True):
        path.mkdir()
        train_in(parallel, path, flowers, f"model.dropout={dropout}")
    want, got = (np.load(path / "losses.npy") for path in runs)
    assert len(want) == 24
    np.testing.assert_allclose(got, want, rtol=1e-5)
    for name in ("best", "state"):
        compare(*(path / "run" / f"{name}.safetensors" for path in runs))


@pytest.mark.slow
@pytest.mark.parametrize(("parallel", "then"), [("data", "towers"), ("towers", "data")])
def test_a_run_goes_on_in_the_other_mode(flowers, tmp_path, parallel, then):
    train_in(parallel, tmp_path, flowers)
    state = tmp_path / "run" / "state.safetensors"
    state.replace(tmp_path / "want.safetensors")  # the one before it, of epoch 2, stays
    train_in(then, tmp_path, flowers)
    compare(tmp_path / "want.safetensors", state)


def train_in(parallel, path, flowers, *more):
    """Train in ``path / "run"``, or go on with the run there; with ``data``, in one process."""
    launcher = [*LAUNCH, "--log_dir", path / "logs"] if parallel == "towers" else []
    return train(launcher, path, flowers, *TOWERS, *more, f"train.parallel={parallel}")


def compare(first, second):
    """Both files hold the same, but for rounding."""
    (want, described), (got, description) = map(read_tensors, (first, second))
    assert got.keys() == want.keys()
    for name, array in want.items():
        tolerance = 1e-4 * np.abs(array).max()
        np.testing.assert_allclose(got[name], array, atol=tolerance, err_msg=name)
    for key in ("architecture", "classes", "preprocessing", "width", "config", "data", "schedule"):
        assert description.get(key) == described.get(key), key


def test_alone_nothing_is_shared(monkeypatch):
    monkeypatch.delenv("PADDLE_TRAINERS_NUM", raising=False)
    assert join_ranks() is ALONE
    assert ALONE.first
    assert ALONE.all_reduce_sum([1.0, 2.0]) == [1.0, 2.0]
    assert [ALONE.any(flag) for flag in (True, False)] == [True, False]


def test_readmes_machines_can_share_imagenet():
    """1,281,167 images of ILSVRC-2012 leave 15 for the last batch of 128."""
    batch_size = read_config(CONFIG.parent / "imagenet" / "alexnet_2012.yml").train.batch_size
    (line,) = re.findall(
        r"--nnodes .*", (CONFIG.parents[1] / "README.md").read_text(encoding="utf-8")
    )
    machines, each = (
        int(re.search(rf"--{o} (\d+)", line)[1]) for o in ("nnodes", "nproc_per_node")
    )
    check_batches(1_281_167, batch_size, machines * each)
    with pytest.raises(ConfigError, match="leave 15 for the last batch, fewer than 16 processes"):
        check_batches(1_281_167, batch_size, 16)


def test_a_last_batch_that_is_too_small(flowers):
    config = make_config({"data": {"root": str(flowers)}, "train": {"batch_size": 49}})
    with pytest.raises(ConfigError, match=r"leave 1 for the last batch, fewer than 2 processes"):
        open_data(config, Unmet(0, 2))


def towers_of(tmp_path, ranks, **model):
    keys = {"parallel": "towers", "device": "cpu"}
    values = {"model": model, "train": keys, "run": {"dir": str(tmp_path / "run")}}
    return open_run(make_config(values), ranks=ranks)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_towers_of_another_number_of_processes(tmp_path, count):
    with pytest.raises(ConfigError, match=rf"^train.parallel: .* two processes, .* got {count}"):
        towers_of(tmp_path, Unmet(0, count), name="alexnet_2012")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"alexnet_2012"}))
def test_a_net_without_towers(tmp_path, name):
    """Before the images, which there are none of, are looked for."""
    with pytest.raises(ConfigError, match=rf"^train.parallel: towers: {name} has .*alexnet_2012"):
        towers_of(tmp_path, Unmet(0, 2), name=name)
    assert list(tmp_path.iterdir()) == []


def test_changes_may_take_the_towers(tmp_path):
    with pytest.raises(ConfigError, match="alexnet_2012 has no towers"):
        towers_of(tmp_path, Unmet(0, 2), name="alexnet_2012", changes={"towers": "half"})


def test_a_batch_of_one_image_is_enough_for_two_towers(flowers):
    config = make_config({"data": {"root": str(flowers)}, "train": {"batch_size": 49}})
    assert len(open_data(config, Unmet(0, 2, "towers")).train) == 50


@pytest.mark.parametrize("text", ["Read error: Connection reset", "TIMEOUT pair_rank = 2 peer"])
def test_a_peer_that_is_gone_is_named(monkeypatch, text):
    def fail(*args, **options):
        raise RuntimeError(f"[pair.cc:576] {text}")

    monkeypatch.setattr(distributed, "all_reduce", fail)
    who = "2" if "pair_rank" in text else "0 or 2"
    for call in (lambda r: r.any(True), lambda r: r.all_reduce_([paddle.ones([1])])):
        with pytest.raises(PeerLost, match=rf"^rank {who} of 3 ended .* so rank 1 stops"):
            call(Ranks(1, 3))

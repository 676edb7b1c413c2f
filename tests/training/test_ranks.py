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
from paddle_alexnet.runtime.distributed import ALONE, Ranks, join_ranks

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
    launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", 2, "--backend", "gloo"]
    alone = train([], tmp_path / "one", flowers, *more)
    rows = train([*launch, "--log_dir", tmp_path / "logs"], tmp_path / "two", flowers, *more)
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


@pytest.mark.parametrize("text", ["Read error: Connection reset", "TIMEOUT pair_rank = 2 peer"])
def test_a_peer_that_is_gone_is_named(monkeypatch, text):
    def fail(*args, **options):
        raise RuntimeError(f"[pair.cc:576] {text}")

    monkeypatch.setattr(distributed, "all_reduce", fail)
    who = "2" if "pair_rank" in text else "0 or 2"
    for call in (lambda r: r.any(True), lambda r: r.all_reduce_([paddle.ones([1])])):
        with pytest.raises(PeerLost, match=rf"^rank {who} of 3 ended .* so rank 1 stops"):
            call(Ranks(1, 3))

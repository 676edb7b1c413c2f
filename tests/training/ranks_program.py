"""Trains a narrow net as one of the processes that a launcher started; see test_ranks.py.

    ranks_program.py CONFIG DIRECTORY OUT.npz OVERRIDE...

A run that has begun goes on. OUT gets the process's rank in its name.
"""

import sys
from pathlib import Path

from paddle_alexnet.runtime.cpu import speed_up

speed_up()

import numpy as np  # noqa: E402

from paddle_alexnet.config.load import read_config  # noqa: E402
from paddle_alexnet.log.run_directory import RunDirectory  # noqa: E402
from paddle_alexnet.nets.weights import net_arrays  # noqa: E402
from paddle_alexnet.runtime.device import choose_device  # noqa: E402
from paddle_alexnet.runtime.distributed import join_ranks  # noqa: E402
from paddle_alexnet.training.train import open_run  # noqa: E402


def main():
    """Train."""
    config_path, directory, out, *overrides = sys.argv[1:]
    config = read_config(config_path, [*overrides, f"run.dir={directory}"])
    choose_device("cpu")
    ranks = join_ranks()
    begun = Path(directory, "config.yml").exists()
    resume = RunDirectory.existing(directory) if begun else None
    run = open_run(config, resume=resume, ranks=ranks)
    losses = []
    if ranks.first:
        log_step = run.log.step
        run.log.step = lambda record: losses.append(record["loss"]) or log_step(record)
    run.fit()
    np.savez(out.format(ranks.rank), count=ranks.count, **net_arrays(run.net))
    if ranks.first:
        np.save(Path(directory).with_name("losses.npy"), losses)


if __name__ == "__main__":
    main()

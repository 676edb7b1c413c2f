"""Train AlexNet: python tools/train.py -c configs/alexnet.yml [-o key.sub=value ...]

Continue a run that was stopped: python tools/train.py --resume runs/alexnet
"""

import argparse
import shlex
import signal
from pathlib import Path
from typing import Any

import _entry


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from paddle_alexnet.config.load import describe_keys

    keys = "\n".join(f"  {key} [{default}]\n      {text}" for key, default, text in describe_keys())
    epilog = f"keys for -o and the YAML file [default]:\n{keys}"
    parser = _entry.make_parser(__doc__, epilog=epilog)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-c", "--config", metavar="YML", help="configuration of a new run")
    what.add_argument("--resume", metavar="RUN", help="directory of a run to continue")
    _entry.add_overrides(parser, ". With --resume, only keys that may change, as train.epochs")
    return parser.parse_args(words)


def main(cpu_speed: dict[str, Any], words: list[str] | None = None) -> int:
    """Train; returns the exit code."""
    args = parse(words)
    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.config.resume_rules import config_for_resume

    # Mistakes in a file are reported before Paddle is imported.
    config = None if args.resume is not None else read_config(args.config, args.override)
    _entry.load_paddle()
    from paddle_alexnet.errors import PeerLost
    from paddle_alexnet.log.run_directory import RunDirectory
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.runtime.distributed import join_ranks
    from paddle_alexnet.runtime.stop_signals import StopSignals
    from paddle_alexnet.training.train import Interrupted, open_run

    resume = RunDirectory.existing(args.resume) if args.resume is not None else None
    if resume is not None:
        config = config_for_resume(resume.config, args.override)
    stop = StopSignals()
    choose_device(config.train.device)  # before the ranks meet over it
    ranks = join_ranks()
    run = open_run(
        config,
        resume=resume,
        name=Path(args.config or "run").stem,
        cpu_settings=cpu_speed,
        should_stop=stop.requested,
        ranks=ranks,
    )
    if ranks.first:
        print(
            f"{run.directory.path}: {run.batches.images} training images, "
            f"{config.train.epochs} epochs of {run.steps_per_epoch} steps"
        )
        if run.state.epoch >= config.train.epochs:
            print("all of them are done already; -o train.epochs=N makes the run longer")
    try:
        with stop:
            run.fit()
    except Interrupted:
        if ranks.first:
            command = _entry.command("train", "--resume", run.directory.path)
            print(f"stopped and saved; continue with: {command}")
        return 128 + (stop.received or signal.SIGINT)
    except PeerLost as error:
        place = resume.path if resume is not None else config.run.dir or "the run's directory"
        place = run.directory.path if ranks.first else place
        raise PeerLost(
            f"{error}; start all processes again with --resume {shlex.quote(str(place))}"
        ) from error
    if ranks.first:
        report = run.directory.path / "report"
        print(
            f"best val top-1 {run.state.best_top1:.2%} after epoch {run.state.best_epoch}\n"
            f"weights: {run.directory.best}\n"
            f"report: {_entry.command('report', run.directory.path, '--out', report)}"
        )
    return 0


if __name__ == "__main__":
    _entry.run(
        main,
        for_memory="lower train.batch_size (train.accumulate_steps keeps the size of a step)",
    )

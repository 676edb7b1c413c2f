"""Train AlexNet: python tools/train.py -c configs/alexnet.yml [-o key.sub=value ...]

Go on with a run that was stopped: python tools/train.py --resume runs/alexnet
"""

import argparse
import signal
from pathlib import Path
from typing import Any

import _entry


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from paddle_alexnet.config.load import describe_keys

    keys = "\n".join(f"  {key} [{default}]\n      {text}" for key, default, text in describe_keys())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"keys for -o and the YAML file [default]:\n{keys}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-c", "--config", metavar="YML", help="configuration of a new run")
    what.add_argument("--resume", metavar="RUN", help="directory of a run to go on with")
    parser.add_argument(
        "-o",
        "--override",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set a key over the file; may be given several times. With --resume, what may change "
        "on the way, such as train.epochs",
    )
    return parser.parse_args(words)


def main(cpu_speed: dict[str, Any], words: list[str] | None = None) -> int:
    """Train; returns the exit code."""
    args = parse(words)
    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.config.resume_rules import config_for_resume

    # Mistakes in a file are told before Paddle is loaded.
    config = None if args.resume else read_config(args.config, args.override)
    _entry.load_paddle()
    from paddle_alexnet.log.run_directory import RunDirectory
    from paddle_alexnet.printable import printable
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.runtime.distributed import join_ranks
    from paddle_alexnet.runtime.stop_signals import StopSignals
    from paddle_alexnet.training.assembly_old import assemble
    from paddle_alexnet.training.loop import Interrupted

    def make_run() -> RunDirectory:
        if args.resume:
            return RunDirectory.existing(args.resume)
        return RunDirectory.create(config.run.dir, Path(args.config).stem)

    if config is None:
        config = config_for_resume(RunDirectory.existing(args.resume).config, args.override)
    stop = StopSignals()
    # The device comes first: processes meet over it.
    choose_device(config.train.device)
    trainer, run = assemble(
        config,
        make_run,
        resume=bool(args.resume),
        cpu_speed=cpu_speed,
        should_stop=stop.requested,
        ranks=join_ranks(),
    )
    if run is not None:
        print(
            f"{printable(str(run.path))}: {trainer.batches.images} training images, "
            f"{trainer.epochs} epochs of {trainer.steps_per_epoch} updates"
        )
        if trainer.progress.epoch >= trainer.epochs:
            print("all of them are done already; -o train.epochs=N makes the run longer")
    try:
        with stop:
            trainer.fit()
    except Interrupted:
        if run is not None:
            command = _entry.command("train", "--resume", run.path)
            print(f"stopped and saved; go on with: {printable(command)}")
        return 128 + (stop.received or signal.SIGINT)
    if run is not None:
        print(
            f"best val top-1 {trainer.progress.best_top1:.2%} after epoch "
            f"{trainer.progress.best_epoch}\nweights: {printable(str(run.best))}"
        )
    return 0


if __name__ == "__main__":
    _entry.run(
        main,
        for_memory="lower train.batch_size (train.accumulate_steps keeps the size of an update)",
    )

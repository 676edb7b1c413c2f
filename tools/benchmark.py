"""Measure speed: python tools/benchmark.py train|infer|lrn|gemm|data|start|memory

What is compared runs in turn in one process (each time in a new one with memory and start), with
the settings of tools/train.py for all; medians and quartiles, and the ratio to the line of torch
where that is asked for, else to the first. train and infer show the share of the rate of a product
of matrices that is timed with them. data reads pictures with several numbers of processes and ways
to keep them; start runs tools/train.py's way to its first update.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import _entry

from paddle_alexnet.benchmark.settings import COMPARED, KINDS, READING, Settings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=KINDS)
    parser.add_argument("--against", choices=["torch"], help="compare with it")
    parser.add_argument("--model", default="alexnet_paper", metavar="NAME", help="[alexnet_paper]")
    parser.add_argument("--batch", type=_entry.positive, default=32, help="images [32]")
    parser.add_argument("--data", metavar="FOLDER", help="pictures for data, start [drawn]")
    parser.add_argument("--rounds", type=_entry.positive, default=15, help="measured [15]")
    parser.add_argument(
        "--turn-seconds",
        type=_seconds,
        default=0.25,
        metavar="S",
        help="of train, infer, lrn, gemm: calls of one kind before the next; 0 for single ones, "
        "with cold caches [0.25]",
    )
    parser.add_argument("--as-published", action="store_true", help="time AvgPool3D's norm as well")
    parser.add_argument("--json", metavar="FILE", help="write figures, versions and settings")
    parser.add_argument("--plot", metavar="PNG", help="draw the figures as bars")
    return parser.parse_args()


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 3600:  # nor NaN
        raise ValueError(text)
    return number


def main(cpu_speed: dict[str, Any]) -> None:
    """Measure."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.benchmark import kinds, report
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.figures.plots import plot_bars
    from paddle_alexnet.log.environment import describe_environment
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.storage.files import check_target, write_text

    _entry.check_model("--model", args.model)
    if args.against and args.what not in COMPARED:
        raise ConfigError(f"{args.what} is not compared with torch: leave out --against")
    if args.against and importlib.util.find_spec("torch") is None:
        raise ConfigError("--against torch: not installed: pip install torch==2.13.0")
    if args.data is not None and args.what not in READING:
        raise ConfigError(f"{args.what} reads no pictures: leave out --data")
    if args.what == "memory" and sys.platform == "win32":
        raise ConfigError("memory: cannot be measured on Windows")
    for target in filter(None, (args.json, args.plot)):
        check_target(target)
    choose_device("cpu")
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(
            model=args.model,
            batch=args.batch,
            rounds=args.rounds,
            turn_seconds=args.turn_seconds,
            against_torch=args.against == "torch",
            as_published=args.as_published,
            pictures=None if args.data is None else Path(args.data),
            scratch=Path(scratch),
        )
        try:
            measured = kinds.measure(args.what, settings)
        except ValueError as error:
            raise ConfigError(str(error)) from error
    environment = describe_environment(cpu_speed, "cpu")
    for line in report.report_lines(measured, environment):
        print(line)
    if args.json:
        record = report.record(measured, environment, vars(args))
        write_text(args.json, json.dumps(record, indent=2) + "\n")
    if args.plot:
        title = f"{args.what}: {args.model}, batch {args.batch}"
        plot_bars(report.nets_rows(measured), measured.unit, title, args.plot)


if __name__ == "__main__":
    _entry.run(main, for_memory="lower --batch")

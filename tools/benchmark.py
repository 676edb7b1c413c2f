"""Measure speed: python tools/benchmark.py train|infer|lrn|gemm|data|start|memory|...

What is compared runs in turn in one process (memory and start: each in a new one), with the CPU
settings of tools/train.py for all. Shown are medians and quartiles, and the ratio to torch where
that is compared with, else to the first row; for train and infer also the rate as a percentage of
that of a matrix product timed with them. data reads images with several numbers of processes, with
and without a cache; start takes tools/train.py's way to its first step; parallel trains with two
processes, which share every batch or the net; nets compares training steps of all nets for photos,
nets-memory their peak memory.
"""

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import _entry
from benchmarks import timing
from benchmarks.kinds import KINDS, Settings


def parse() -> Settings:
    """Read the command line; the defaults are those of :class:`Settings`."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("what", choices=KINDS)
    parser.add_argument("--against", choices=["torch"], help="compare with it")
    parser.add_argument("--model", metavar="NAME", help="[alexnet_paper]")
    parser.add_argument("--batch", type=_entry.positive, help="images [32]")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="images for data, start [synthetic flowers]"
    )
    parser.add_argument("--rounds", type=_entry.positive, help="measured [15]")
    parser.add_argument(
        "--turn-seconds",
        type=_seconds,
        metavar="S",
        help="where calls are timed one by one: of one case before the next; 0 for single ones, "
        "with cold caches [0.25]",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="instead, print oneDNN's account of one step of train, by kind and by layer",
    )
    parser.add_argument("--as-published", action="store_true", help="time AvgPool3D's norm as well")
    _entry.add_json(parser, "figures, versions and settings")
    parser.add_argument("--plot", metavar="PNG", help="plot the figures as bars")
    return parser.parse_args(namespace=Settings())


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 3600:  # nor NaN
        raise ValueError(text)
    return number


def main(cpu_speed: dict[str, Any]) -> None:
    """Measure."""
    args = parse()
    from paddle_alexnet.errors import ConfigError

    kind = KINDS[args.what]
    if args.against and not kind.with_torch:
        raise ConfigError(f"{args.what} is not compared with torch: leave out --against")
    if args.against and importlib.util.find_spec("torch") is None:
        raise ConfigError("--against torch: not installed: pip install torch==2.13.0")
    if args.data is not None and not kind.reads_images:
        raise ConfigError(f"{args.what} reads no images: leave out --data")
    if args.what in ("memory", "nets-memory") and sys.platform == "win32":
        raise ConfigError(f"{args.what}: cannot be measured on Windows")
    if args.profile and (args.what != "train" or args.against or args.json or args.plot):
        raise ConfigError("--profile is for train alone, without --against, --json and --plot")
    _entry.check_targets(args.json, args.plot)
    _entry.load_paddle()
    from paddle_alexnet.figures.plots import plot_bars, save
    from paddle_alexnet.log.environment import describe_environment
    from paddle_alexnet.runtime.device import choose_device

    _entry.check_model("--model", args.model)
    choose_device("cpu")
    if args.profile:
        from benchmarks.onednn_profile import profile_step, report

        print("\n".join(report(profile_step(args.model, args.batch), args.model)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            measured = kind.measure(args, Path(scratch))
        except ValueError as error:
            raise ConfigError(str(error)) from error
    environment = describe_environment(cpu_speed, "cpu")
    if args.json != "-":
        print("\n".join(timing.report_lines(measured, environment)))
    if args.json:
        record = timing.record(measured, environment, vars(args))
        _entry.write_result(args.json, json.dumps(record, indent=2, default=str) + "\n")
    if args.plot:
        title = f"{args.what}: {args.model}, batch {args.batch}"
        save(plot_bars(timing.rows_to_plot(measured), measured.unit, title), args.plot)


if __name__ == "__main__":
    _entry.run(main, for_memory="lower --batch")

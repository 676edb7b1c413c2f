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

KINDS = ("train", "infer", "lrn", "gemm", "data", "start", "memory")
NORM_SHAPE = (96, 55, 55)  # of conv1's maps
PRODUCT = (384, 2304, 5408)  # conv3's, for 32 images
PRODUCT_NAME = "matrices " + "x".join(map(str, PRODUCT))
LIBRARIES = ("paddlepaddle", "paddlepaddle-gpu", "torch")
COMPARED = ("train", "infer", "lrn", "data", "memory")


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
    from paddle_alexnet.benchmark.timing import interleave
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.pictures.bars import plot_bars
    from paddle_alexnet.run.environment import describe_environment
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.storage.writing import check_target, write_text

    _entry.check_model("--model", args.model)
    if args.against and args.what not in COMPARED:
        raise ConfigError(f"{args.what} is not compared with torch: leave out --against")
    if args.against and importlib.util.find_spec("torch") is None:
        raise ConfigError("--against torch: not installed: pip install torch==2.13.0")
    if args.what == "memory" and sys.platform == "win32":
        raise ConfigError("memory: cannot be measured on Windows")
    for target in filter(None, (args.json, args.plot)):
        check_target(target)
    choose_device("cpu")
    try:
        with tempfile.TemporaryDirectory() as folder:
            if args.what in OTHERS:
                rows, unit = OTHERS[args.what](args, Path(folder))
            else:
                cases = CASES[args.what](args, Path(folder))
                timings = interleave(cases, rounds=args.rounds, turn_seconds=args.turn_seconds)
                rows = {name: vars(timing) for name, timing in timings.items()}
                unit = "ms"
    except ValueError as error:
        raise ConfigError(str(error)) from error
    environment = describe_environment(cpu_speed, "cpu")
    _show(rows, unit, args, environment)
    if args.json:
        record = {
            "environment": environment,
            "arguments": vars(args),
            "unit": unit,
            "rows": rows,
        }
        write_text(args.json, json.dumps(record, indent=2) + "\n")
    if args.plot:
        shown = {name: row for name, row in rows.items() if name != PRODUCT_NAME} or rows
        plot_bars(shown, unit, f"{args.what}: {args.model}, batch {args.batch}", args.plot)


def _show(
    rows: dict[str, dict[str, float]],
    unit: str,
    args: argparse.Namespace,
    environment: dict[str, Any],
) -> None:
    machine, packages = environment["machine"], environment["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in LIBRARIES if name in packages)
    head, *changes = (environment["commit"] or "unknown").partition("+")
    commit = head[:7] + "".join(changes)
    print(f"{machine['cores']} cores of {machine['processor']}; {versions}; commit {commit}")
    theirs = [name for name in rows if args.against and name.startswith(args.against)]
    reference = rows[(theirs or list(rows))[0]]["median"]
    rates = {
        name: operations / rows[name]["median"] / 1e6
        for name, operations in _operations(args, list(rows)).items()
    }
    for name, row in rows.items():
        spread = f" ({row['low']:.1f} to {row['high']:.1f})" if "low" in row else ""
        line = f"{name:<32}{row['median']:9.1f} {unit}{spread}  {row['median'] / reference:5.2f}"
        if name in rates:
            line += f"  {rates[name]:6.0f} GFLOP/s"
            if len(rates) > 1:
                line += f", {rates[name] / rates[PRODUCT_NAME]:4.0%} of matrices"
        print(line)


def _train(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from paddle_alexnet.benchmark.paddle_cases import training_step
    from paddle_alexnet.nets.designs import DESIGNS
    from paddle_alexnet.runtime.cpu import usable_cores

    forms = {"train.compile: auto": ("fused", "auto"), "operator by operator": ("fused", "none")}
    if args.as_published:
        forms["the same, AvgPool3D's norm"] = ("avgpool3d", "none")
    cases = {
        name: training_step(args.model, args.batch, lrn=lrn, kind=kind)
        for name, (lrn, kind) in forms.items()
    }
    if args.against:
        from paddle_alexnet.benchmark import torch_peer

        cases["torch"] = torch_peer.training_step(DESIGNS[args.model], args.batch, usable_cores())
    return {**cases, **_gemm(args, folder)}


def _infer(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from paddle_alexnet.benchmark.paddle_cases import export, inference, make_classifier
    from paddle_alexnet.nets.designs import DESIGNS
    from paddle_alexnet.runtime.cpu import usable_cores

    classifier = make_classifier(args.model, "fused")
    cases = {
        "exported, paddle.inference": inference(export(classifier, folder), args.batch),
        "operator by operator": inference(classifier, args.batch),
    }
    if args.as_published:
        published = make_classifier(args.model, "avgpool3d")
        cases["the same, AvgPool3D's norm"] = inference(published, args.batch)
    if args.against:
        from paddle_alexnet.benchmark import torch_peer

        cases["torch"] = torch_peer.inference(DESIGNS[args.model], args.batch, usable_cores())
    return {**cases, **_gemm(args, folder)}


def _lrn(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from paddle_alexnet.benchmark.paddle_cases import response_norm
    from paddle_alexnet.runtime.cpu import usable_cores

    shape = (args.batch, *NORM_SHAPE)
    cases = {kind: response_norm(kind, shape) for kind in ("fused", "avgpool3d", "builtin")}
    if args.against:
        from paddle_alexnet.benchmark import torch_peer

        cases["torch"] = torch_peer.response_norm(shape, usable_cores())
    return cases


def _gemm(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from paddle_alexnet.benchmark.paddle_cases import matrix_product

    return {PRODUCT_NAME: matrix_product(*PRODUCT)}


CASES = {"train": _train, "infer": _infer, "lrn": _lrn, "gemm": _gemm}


Rows = tuple[dict[str, dict[str, float]], str]


def _memory(args: argparse.Namespace, folder: Path) -> Rows:
    from paddle_alexnet.benchmark.memory import peaks_of_training

    cases = {"train.compile: auto": ("paddle", True)}
    if args.against:
        cases |= {"torch": ("torch", False), "torch, freed memory given back": ("torch", True)}
    spreads = peaks_of_training(cases, args.model, args.batch, rounds=args.rounds)
    return {name: vars(spread) for name, spread in spreads.items()}, "MiB"


def _data(args: argparse.Namespace, folder: Path) -> Rows:
    from paddle_alexnet.benchmark.reader_cases import reader_cases, reader_view
    from paddle_alexnet.benchmark.timing import interleave
    from paddle_alexnet.data.listing import list_images
    from paddle_alexnet.nets.models import MODELS

    listing = list_images(_pictures(args, folder))
    preprocessing = MODELS[args.model].preprocessing
    view = reader_view(listing, preprocessing)
    cases = reader_cases(listing, preprocessing, args.batch, folder / "kept")
    if args.against:
        from paddle_alexnet.benchmark import torch_reader

        for workers in (0, 1, 2):
            cases[f"torch, workers {workers}"] = torch_reader.reader(view, args.batch, workers)
    rows = {
        name: {
            "median": 1e3 * len(view) / timing.median,
            "low": 1e3 * len(view) / timing.high,
            "high": 1e3 * len(view) / timing.low,
        }
        for name, timing in interleave(cases, rounds=args.rounds, warmup=1).items()
    }
    return rows, "pictures/s"


def _start(args: argparse.Namespace, folder: Path) -> Rows:
    from paddle_alexnet.benchmark.start import time_start

    timings = time_start(_pictures(args, folder), args.model, args.batch, rounds=args.rounds)
    return {name: vars(timing) for name, timing in timings.items()}, "ms"


def _pictures(args: argparse.Namespace, folder: Path) -> Path:
    """The folder of --data, or drawn flowers."""
    if args.data is not None:
        return Path(args.data)
    from paddle_alexnet.data.drawn import draw_folder

    draw_folder(folder / "drawn")
    return folder / "drawn"


OTHERS = {"data": _data, "start": _start, "memory": _memory}


def _operations(args: argparse.Namespace, names: list[str]) -> dict[str, float]:
    """Of one call of each, where they are mainly those of products of matrices."""
    from paddle_alexnet.benchmark.paddle_cases import operations
    from paddle_alexnet.nets.designs import DESIGNS

    if PRODUCT_NAME not in names:
        return {}
    per_image = operations(DESIGNS[args.model], training=args.what == "train")
    counts = dict.fromkeys(names, args.batch * per_image)
    return {**counts, PRODUCT_NAME: 2.0 * PRODUCT[0] * PRODUCT[1] * PRODUCT[2]}


if __name__ == "__main__":
    _entry.run(main, for_memory="lower --batch")

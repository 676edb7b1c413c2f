"""Plot training curves: python tools/plot_run.py runs/alexnet [RUN ...] --out curve.png"""

import argparse
from pathlib import Path
from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="directory of a run")
    parser.add_argument("--out", required=True, metavar="PNG")
    args = parser.parse_args()
    from paddle_alexnet.figures.plots import plot_runs
    from paddle_alexnet.log.metrics import read_metrics
    from paddle_alexnet.log.run_directory import RunDirectory
    from paddle_alexnet.printable import printable

    rows = {path: read_metrics(RunDirectory(Path(path)).metrics) for path in args.runs}
    plot_runs(rows, args.out)
    print(printable(f"curves: {args.out}"))


if __name__ == "__main__":
    _entry.run(main)

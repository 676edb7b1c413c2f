"""Plot training curves: python tools/plot_run.py runs/alexnet [RUN ...] --out curve.png"""

from pathlib import Path
from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Plot."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="directory of a run")
    parser.add_argument("--out", required=True, metavar="PNG")
    args = parser.parse_args()
    from paddle_alexnet.figures.plots import plot_runs, save
    from paddle_alexnet.log.metrics import read_metrics
    from paddle_alexnet.log.run_directory import RunDirectory, short_names

    kept = [path for run in args.runs for path in Path(run).glob("*") if path.suffix != ".png"]
    _entry.check_targets(args.out, inputs=list(map(str, kept)))
    rows = [read_metrics(RunDirectory(Path(run)).metrics) for run in args.runs]
    names = short_names([Path(run).absolute() for run in args.runs])
    save(plot_runs(dict(zip(names, rows, strict=True))), args.out)
    print(f"curves: {args.out}")


if __name__ == "__main__":
    _entry.run(main)

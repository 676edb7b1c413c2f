"""Run one of the paper's claims over seeds and judge it: python tools/claims.py figure1

Makes the runs that are missing, continues those that were stopped and skips those that are done.
Prints means, differences with 95 % intervals and a verdict, and writes them as JSON and PNG.
"""

import argparse
import json
import logging
import signal
from pathlib import Path
from typing import Any

import _entry

CLAIMS = Path(__file__).parents[1] / "configs" / "claims"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = _entry.make_parser(__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("claim", nargs="?", metavar="NAME", help="of configs/claims, or a .yml file")
    what.add_argument("--list", action="store_true", help="show all claims, arms and runs")
    parser.add_argument("--seeds", nargs="+", type=_entry.natural, help="to run [the claim's]")
    parser.add_argument("--arms", nargs="+", metavar="ARM", help="to run [all]")
    parser.add_argument(
        "--runs", default="runs/claims", metavar="DIR", help="DIR/NAME/ARM-SEED are the runs"
    )
    parser.add_argument("--no-runs", action="store_true", help="judge what is there, run nothing")
    parser.add_argument("--out", metavar="DIR", help="for JSON and PNG [the runs' DIR/NAME]")
    _entry.add_overrides(parser, ", for all arms")
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> int:
    """Run and judge."""
    args = parse()
    from paddle_alexnet.errors import ConfigError, RunError
    from paddle_alexnet.results.claims import read_claim

    if args.list:
        for path in sorted(CLAIMS.glob("*.yml")):
            claim = read_claim(path)
            runs = len({*map(claim.runs_of, claim.arms)}) * len(claim.seeds)
            print(f"{path.stem}: {claim.title}\n  {runs} runs: {', '.join(claim.arms)}")
        return 0
    path = Path(args.claim if args.claim.endswith(".yml") else CLAIMS / f"{args.claim}.yml")
    if path.parent == CLAIMS and not path.exists():
        names = ", ".join(sorted(known.stem for known in CLAIMS.glob("*.yml")))
        raise ConfigError(f"no claim {args.claim!r}: choose {names}, or name a file *.yml")
    claim = read_claim(path)
    arms = args.arms or list(claim.arms)
    if unknown := set(arms) - claim.arms.keys():
        raise ConfigError(f"--arms: unknown {', '.join(unknown)}; choose {', '.join(claim.arms)}")
    _entry.load_paddle()
    from paddle_alexnet.results.claim_runs import ClaimRuns
    from paddle_alexnet.runtime.stop_signals import StopSignals
    from paddle_alexnet.storage.files import make_folder
    from paddle_alexnet.training.train import Interrupted

    seeds = args.seeds or claim.seeds
    known = sorted({*claim.seeds, *seeds})
    runs = ClaimRuns(claim, path, Path(args.runs) / path.stem, known, args.override)
    wanted = [(arm, seed) for seed in seeds for arm in arms]
    for which in wanted:  # mistakes come first
        runs.check(*which)
    out = make_folder(args.out or runs.folder)
    missing = [] if args.no_runs else [which for which in wanted if not runs.finished(*which)]
    stop, failed, tried = StopSignals(), False, set()
    with stop:
        for arm, seed in missing:
            place = runs.config(arm, seed).run.dir
            if place in tried:  # arms may share runs
                continue
            tried.add(place)
            try:
                if runs.diverged(arm, seed):
                    logging.error("%s has diverged before; remove it to try again", place)
                    failed = True
                elif not runs.finished(arm, seed):  # another process may have made it
                    runs.train(arm, seed, cpu_settings=cpu_speed, should_stop=stop.requested)
            except Interrupted:
                print("stopped and saved; the same command continues")
                return 128 + (stop.received or signal.SIGINT)
            except RunError as error:  # it diverged, or another process makes it
                logging.error("%s is left out: %s", place, error)
                failed = True
    report(runs, out / path.stem)
    return int(failed)


def report(runs: Any, target: Path) -> None:
    """Print the tables of all arms; write ``target`` with .json and .png."""
    from paddle_alexnet.figures.plots import plot_claim, plot_training_error, save
    from paddle_alexnet.results.verdicts import UNITS, as_json, describe, judge

    claim, done = runs.claim, runs.done()
    outcome = runs.outcome(done)
    print(describe(claim, outcome))
    if not any(outcome.values.values()):
        return
    _entry.write_result(f"{target}.json", json.dumps(as_json(claim, outcome), indent=2) + "\n")
    verdicts = judge(claim, outcome)
    figure = plot_claim(outcome.values, verdicts, *UNITS[claim.metric], outcome.not_reached)
    save(figure, f"{target}.png")
    compared = [arm for row in verdicts if row.better for arm in (row.better, row.than)]
    if claim.metric == "epochs" and compared:
        curves = {arm: [run.rows for run in done[arm].values()] for arm in compared}
        save(plot_training_error(curves, claim.error), f"{target}-curves.png")
    print(f"\nfigures: {target}.json, {target}.png")


if __name__ == "__main__":
    _entry.run(main)

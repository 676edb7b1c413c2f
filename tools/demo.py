"""The whole way in minutes: train on drawn flowers, then classify pictures never seen before."""

import argparse
import logging
from pathlib import Path
from typing import Any

import _entry
import infer
import train

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "quickstart.yml"
PICTURES = 6


def main(cpu_speed: dict[str, Any]) -> int:
    """Train and infer; prints where everything is."""
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help; there is nothing to set
    from paddle_alexnet.log.run_directory import RunDirectory

    run = RunDirectory.free(CONFIG.stem)
    if code := train.main(cpu_speed, ["-c", str(CONFIG), "-o", f"run.dir={run}"]):
        return code
    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.data.folder import list_images

    logging.info("\npictures of the test split, which training never saw:")
    unseen = list_images(read_config(CONFIG).data.root).select("test")
    chosen = [path for path, _ in unseen[:: max(1, len(unseen) // PICTURES)]][:PICTURES]
    shown = run / "pictures"
    words = ["--weights", str(run / "best.safetensors"), "--save-dir", str(shown), "--top-k", "2"]
    if code := infer.main(cpu_speed, [*words, "--logdir", str(run / "infer"), *chosen]):
        return code
    print(
        f"\nweights:            {run / 'best.safetensors'}\n"
        f"annotated pictures: {shown}\n"
        f"board:              {_entry.command('board', '--logdir', run.parent)}"
    )
    return 0


if __name__ == "__main__":
    _entry.run(main)

"""Train on synthetic flowers and classify images of the test split; takes minutes."""

import logging
from pathlib import Path
from typing import Any

import _entry
import infer
import train

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "quickstart.yml"
IMAGES = 6


def main(cpu_speed: dict[str, Any]) -> int:
    """Train and infer; prints where everything is."""
    _entry.make_parser(__doc__).parse_args()  # for --help; there is nothing to set
    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.data.folder import list_images
    from paddle_alexnet.log.run_directory import RunDirectory

    run = RunDirectory.free(CONFIG.stem)
    if code := train.main(cpu_speed, ["-c", str(CONFIG), "-o", f"run.dir={run}"]):
        return code
    logging.info("\nimages of the test split, which training never saw:")
    test = list_images(read_config(CONFIG).data.root).select("test")
    chosen = [path for path, _ in test[:: max(1, len(test) // IMAGES)]][:IMAGES]
    weights, annotated = run / "best.safetensors", run / "images"
    words = ["--weights", weights, "--save-dir", annotated]
    if code := infer.main(cpu_speed, [*map(str, words), *chosen]):
        return code
    print(
        f"\nweights:          {weights}\n"
        f"annotated images: {annotated}\n"
        f"board:            {_entry.command('board', '--logdir', run.parent)}\n"
        f"report:           {_entry.command('report', run, '--out', run / 'report')}\n"
        f"paper's figures:  {_entry.command('figures', run, '--out', run / 'figures')}"
    )
    return 0


if __name__ == "__main__":
    _entry.run(main)

"""Measure what an initial net passes on of its input: python tools/logit_spread.py [--model NAME]

For every init: the standard deviation of the logits over different images, before any training, and
it divided by the root mean square of the logits; with pixels on 0..255 (mean removed) and with
pixels normalised as usual (std about 1). The images are 1/f noise. See docs/init.md.
"""

import argparse
import dataclasses
import json
from typing import Any

import _entry

RANGES = {"pixels on 0..255": (1 / 255,) * 3, "pixels of std about 1": (0.229, 0.224, 0.225)}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="alexnet_paper", metavar="NAME", help="[alexnet_paper]")
    parser.add_argument("--images", type=_entry.positive, default=32, help="of noise [32]")
    parser.add_argument("--seed", type=_entry.natural, default=0, help="of noise and weights [0]")
    parser.add_argument("--draws", type=_entry.positive, default=3, help="of weights [3]")
    parser.add_argument("--plot", metavar="PNG", help="plot the figures of every layer")
    parser.add_argument("--json", metavar="FILE", help="write the figures of every layer")
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> None:
    """Measure."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.figures.plots import plot_activations, save
    from paddle_alexnet.nets.activation_statistics import mean_activations
    from paddle_alexnet.nets.init import INITS
    from paddle_alexnet.storage.files import write_text

    _entry.check_model("--model", args.model)
    if args.images < 2:
        raise ConfigError("--images: one image has no standard deviation; give 2 or more")
    _entry.check_targets(args.plot, args.json)
    print(
        f"{args.model}, 5 classes, {args.images} images of 1/f noise, {args.draws} draws of "
        f"weights, seed {args.seed}"
    )
    print(f"{'init':<16}" + "".join(f"{title:>24}" for title in RANGES))
    measured: dict[str, dict[str, Any]] = {title: {} for title in RANGES}
    for init in INITS:
        rows = mean_activations(
            args.model, init, RANGES, images=args.images, seed=args.seed, draws=args.draws
        )
        for title, row in rows.items():
            measured[title][init] = row
        heads = [list(row.values())[-1] for row in rows.values()]
        cells = [f"{head.std_between_images:.2g} ({head.relative:.1g})" for head in heads]
        print(f"{init:<16}" + "".join(f"{cell:>24}" for cell in cells))
    if args.plot:
        save(plot_activations(measured), args.plot)
    if args.json:
        text = json.dumps(measured, indent=2, default=dataclasses.asdict)
        write_text(args.json, text + "\n")


if __name__ == "__main__":
    _entry.run(main)

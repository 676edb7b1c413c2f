"""Copy a folder of classes into train/ and val/: python tools/split_data.py SRC DST"""

from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Copy."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("source", metavar="SRC", help="folder of classes")
    parser.add_argument("target", metavar="DST", help="new or empty folder")
    parser.add_argument("--val-rate", type=float, default=0.1, help="fraction of each class [0.1]")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw [0]")
    parser.add_argument(
        "--max-unusable",
        type=_entry.fraction,
        default=0.01,
        metavar="X",
        help="fraction of images [0.01]",
    )
    _entry.add_max_pixels(parser)
    args = parser.parse_args()
    from paddle_alexnet.data.folder import copy_split

    done = copy_split(
        args.source,
        args.target,
        val_rate=args.val_rate,
        seed=args.seed,
        max_pixels=args.max_pixels,
        max_unusable=args.max_unusable,
    )
    counts = ", ".join(f"{name} {len(done.splits[name])}" for name in ("train", "val"))
    print(f"{args.target}: {counts} images in {len(done.classes)} classes")


if __name__ == "__main__":
    _entry.run(main)

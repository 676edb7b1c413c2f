"""Make small copies of images: python tools/resize_images.py SRC DST --short-side 256"""

import argparse
import os
import sys
from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> int:
    """Resize."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="SRC", help="folder of images; it is never changed")
    parser.add_argument(
        "target",
        metavar="DST",
        help="new or empty folder, or one to continue",
    )
    parser.add_argument(
        "--short-side", type=_entry.positive, default=256, help="pixels; smaller are copied [256]"
    )
    parser.add_argument(
        "--workers", type=_entry.natural, default=os.cpu_count() or 1, help="processes [all cores]"
    )
    parser.add_argument(
        "--quality", type=int, choices=range(1, 101), default=95, metavar="N", help="of JPEG [95]"
    )
    _entry.add_max_pixels(parser)
    _entry.add_sample_bits(parser, "16")
    args = parser.parse_args()
    from paddle_alexnet.data.resize import ResizeSettings, resize_images

    settings = ResizeSettings(args.short_side, args.quality, args.sample_bits)
    done = resize_images(
        args.source, args.target, settings, workers=args.workers, max_pixels=args.max_pixels
    )
    for path, reason in done.bad:
        print(f"left out, {reason}: {path!r}", file=sys.stderr)
    print(
        f"{args.target}: {done.counts['resized']} images resized, {done.counts['copied']} files "
        f"copied, {done.counts['skipped']} done before, {len(done.bad)} left out"
    )
    return 1 if done.bad else 0


if __name__ == "__main__":
    _entry.run(main)

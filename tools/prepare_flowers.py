"""Download, check and unpack flower_photos: python tools/prepare_flowers.py [--archive FILE]"""

from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Make the folder of photos."""
    from paddle_alexnet.data.download import FLOWER_PHOTOS, FLOWER_PHOTOS_ROOT, fetch

    parser = _entry.make_parser(__doc__)
    parser.add_argument(
        "--root", default=str(FLOWER_PHOTOS_ROOT), help=f"folder to make [{FLOWER_PHOTOS_ROOT}]"
    )
    parser.add_argument(
        "--archive", metavar="FILE", help=f"{FLOWER_PHOTOS.name}, if you have it already"
    )
    args = parser.parse_args()
    fetch(FLOWER_PHOTOS, args.root, args.archive)
    print(f"{args.root} is ready; the photos' credits are in {args.root}/LICENSE.txt")


if __name__ == "__main__":
    _entry.run(main)

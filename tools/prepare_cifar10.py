"""Make folders of PNGs from CIFAR-10: python tools/prepare_cifar10.py [--archive FILE]

train/ holds the authors' training batches 1 to 4, val/ batch 5, test/ the test batch, each with a
folder for each class. The archive is downloaded, or taken from --archive FILE. --jpeg ZIP takes a
copy that was saved as JPEG, cifar10/{train,test}/CLASS/NAME.jpg, instead: it has lost some detail,
so error rates on it are not comparable to published ones to the last half point.
"""

from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Make the folder of images."""
    from paddle_alexnet.data.cifar10 import (
        CIFAR10,
        CIFAR10_ROOT,
        prepare_cifar10,
        prepare_cifar10_jpeg,
    )

    parser = _entry.make_parser(__doc__)
    parser.add_argument(
        "--root", default=str(CIFAR10_ROOT), help=f"folder to make [{CIFAR10_ROOT}]"
    )
    sources = parser.add_mutually_exclusive_group()
    sources.add_argument("--archive", metavar="FILE", help=f"{CIFAR10.name}, if you have it")
    sources.add_argument("--jpeg", metavar="ZIP", help="a copy of the images as JPEG")
    args = parser.parse_args()
    if args.jpeg:
        prepare_cifar10_jpeg(args.root, args.jpeg)
    else:
        prepare_cifar10(args.root, args.archive)
    print(f"{args.root} is ready: train/, val/ and test/ with ten classes")


if __name__ == "__main__":
    _entry.run(main)

"""Look at images before training: python tools/inspect_data.py -c configs/alexnet.yml --out DIR

Writes DIR/inspection.json, DIR/classes/*.png (images of each class) and DIR/augmentation.png (what
augmentation makes of training images).
"""

from typing import TYPE_CHECKING, Any

import _entry

if TYPE_CHECKING:
    from paddle_alexnet.inspection.measure import Inspection

MANY_CLASSES = 20  # above, the terminal shows the smallest and the largest only


def main(cpu_speed: dict[str, Any]) -> None:
    """Inspect."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("-c", "--config", required=True, metavar="YML")
    parser.add_argument("--out", required=True, metavar="DIR", help="new or empty folder")
    _entry.add_overrides(parser)
    args = parser.parse_args()
    _entry.load_paddle()
    from tqdm import tqdm

    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.inspection.measure import inspect_images, open_images
    from paddle_alexnet.inspection.output import check_output, write_inspection
    from paddle_alexnet.training.initial_weights import find_model

    config = read_config(args.config, args.override)
    preprocessing = find_model(config).preprocessing
    check_output(args.out, config.data.root)
    images = open_images(config)
    total = sum(map(len, images.splits.values()))
    with tqdm(total=total, unit="img", disable=None, leave=False) as bar:
        inspection = inspect_images(images, bar.update)
    write_inspection(args.out, inspection, config, preprocessing)
    show(inspection, preprocessing.resize)
    print(f"details and sheets of images: {args.out}")


def show(inspection: "Inspection", resize: int) -> None:
    """Print a summary."""
    from paddle_alexnet.inspection.near_duplicates import MAX_DISTANCE
    from paddle_alexnet.printable import printable_name

    splits = inspection.images.splits
    names = [printable_name(name) for name in inspection.images.classes]
    width = max(map(len, (*names, "class"))) + 2
    print(f"{'class':<{width}}" + "".join(f"{split:>9}" for split in splits))
    all_counts = sum(inspection.counts.values())
    order = range(len(names))
    if len(names) > MANY_CLASSES:
        by_size = sorted(order, key=lambda label: all_counts[label])
        order = [by_size[0], by_size[-1]]
        print(f"of {len(names)} classes, the smallest and the largest:")
    for label in order:
        counts = [inspection.counts[split][label] for split in splits]
        print(f"{names[label]:<{width}}" + "".join(f"{count:>9}" for count in counts))
    print(f"{'all':<{width}}" + "".join(f"{len(part):>9}" for part in splits.values()))
    for key, values in inspection.quantiles().items():
        least, middle, most = (f"{values[q]:.4g}" for q in ("min", "median", "max"))
        print(f"{key.replace('_', ' ')}: {least} to {most}, median {middle}")
    if small := inspection.below(resize):
        print(f"{small} images have a side below {resize} pixels and are enlarged")
    if messages := len(inspection.images.left_out):
        print(f"messages about files, above and in inspection.json: {messages}")
    if bad := len(inspection.unreadable):
        print(f"{bad} listed images cannot be decoded: inspection.json names them")
    found = inspection.duplicates
    parts = ", ".join(f"{count} of {split}" for split, count in found.images.items())
    print(
        f"near-duplicates in different splits (at most {MAX_DISTANCE} of 64 bits): {found.count} "
        f"pairs; images in them: {parts}"
    )


if __name__ == "__main__":
    _entry.run(main)

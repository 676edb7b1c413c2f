"""Export weights for fast inference: python tools/export.py --weights W --format paddle --out DIR

The folder holds the graph from pixels to scores, the classes and the preprocessing, and takes any
batch size; tools/infer.py --model DIR runs it. It is written when its scores on some images have
been compared with those of the weights.
"""

import argparse
from typing import Any

import _entry

CHECKED = 64  # images to compare on, at most


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", required=True, help="a .safetensors file of a run")
    parser.add_argument("--format", default="paddle", choices=["paddle", "onnx"], help="[paddle]")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--check",
        nargs="+",
        metavar="IMAGE|FOLDER|GLOB",
        help=f"images to compare on, {CHECKED} spread over them [drawn flowers]",
    )
    _entry.add_max_pixels(parser)
    parser.add_argument("--engine", help="to compare with [the first installed of the format]")
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> None:
    """Export."""
    args = parse()
    _entry.load_paddle()
    import numpy as np

    from paddle_alexnet.data.decode import Unreadable, read_image
    from paddle_alexnet.data.synthetic_flowers import SPECIES, draw_flower
    from paddle_alexnet.errors import DataError
    from paddle_alexnet.export.engines import choose_engine
    from paddle_alexnet.export.writer import export_model
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.inference.predict import find_images
    from paddle_alexnet.printable import printable
    from paddle_alexnet.runtime.device import choose_device

    choose_device("cpu")
    choose_engine(args.format, args.engine)
    classifier = Classifier.load(args.weights)
    if args.check:
        images = []
        found = find_images(args.check)
        # Spread over all of them, as folders are of one class each.
        for i in np.linspace(0, len(found) - 1, min(CHECKED, len(found)), dtype=int):
            name = found[i]
            try:
                image = read_image(name, args.max_pixels, classifier.description.sample_bits)
            except Unreadable as error:
                raise DataError(f"--check: cannot use {printable(name)}: {error}") from error
            # All that is compared, and small.
            images.append(classifier.preprocessing.square(image))
    else:
        images = [draw_flower(kind, number) for kind in SPECIES for number in range(4)]
    result = export_model(classifier, args.format, args.out, images, engine=args.engine)
    print(
        f"{printable(args.out)}: {args.format}, compared by {result.engine} on {result.images} "
        f"{'' if args.check else 'drawn '}images: largest difference of a score "
        f"{result.difference:.2g}, top-1 agreement {result.agreement:.2%}"
    )


if __name__ == "__main__":
    _entry.run(main)

"""Show where a decision rests: python tools/explain.py --weights W IMAGE... --save-dir DIR

Writes each image as the net sees it, with class and score, beside heat maps: bright is what speaks
for the class.
"""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _entry

if TYPE_CHECKING:
    import numpy as np

    from paddle_alexnet.inference.classifier import Classifier

METHODS = ("gradcam", "occlusion", "saliency")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("images", nargs="+", metavar="IMAGE|FOLDER|GLOB")
    parser.add_argument("--weights", required=True, help="a .safetensors file of a run")
    parser.add_argument("--method", choices=METHODS, default="gradcam", help="[gradcam]")
    parser.add_argument(
        "--layer", help="of gradcam: block1, block2, ..., or all of them [the last with maps]"
    )
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", help="to explain [the best of each image]"
    )
    parser.add_argument("--save-dir", required=True, metavar="DIR", help="write images there")
    _entry.add_max_pixels(parser)
    parser.add_argument("--font", metavar="FILE", help="font for class names that are not ASCII")
    _entry.add_device(parser)
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> int:
    """Explain; returns 1 where a file could not be read."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.explain.heat_maps import feature_layers
    from paddle_alexnet.figures.heat import heat_row
    from paddle_alexnet.inference.annotate import AnnotatedOutput
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.inference.features import check_layer
    from paddle_alexnet.inference.predict import Failure, find_images, predict_files
    from paddle_alexnet.printable import printable, printable_name
    from paddle_alexnet.runtime.device import choose_device

    if args.layer and args.method != "gradcam":
        raise ConfigError(f"--layer is for --method gradcam: {args.method} is of the whole net")
    choose_device(args.device)
    classifier = Classifier.load(args.weights)
    known = feature_layers(classifier.net)
    layers = known if args.layer == "all" else [args.layer or known[-1]]
    check_layer(layers[0], known, "layers with feature maps")
    if args.class_name not in (None, *classifier.classes):
        names = ", ".join(map(printable_name, classifier.classes[:20]))
        raise ConfigError(f"--class: unknown {args.class_name!r}; choose {names}")
    failed = 0
    results = predict_files(
        classifier,
        find_images(args.images, leave_out=args.save_dir),
        topk=len(classifier.classes),
        max_pixels=args.max_pixels,
        sample_bits=classifier.description.sample_bits,
    )
    with AnnotatedOutput(args.save_dir, None, args.font) as output:
        for result, image in results:
            name = printable(result.file_name)
            if isinstance(result, Failure):
                failed += 1
                logging.warning("left out %s: %s", name, printable(result.reason))
                continue
            place = result.label_names.index(args.class_name) if args.class_name else 0
            shown = classifier.preprocessing(image)
            maps = _maps(classifier, args.method, layers, shown, result.class_ids[place])
            text = f"{result.scores[place]:.1%} {output.names_of(result)[place]}"
            picture = heat_row(shown, [text], maps, output.lettering)
            output.write(f"{Path(result.file_name).stem}.{args.method}", picture)
            print(
                f"{result.scores[place]:7.2%} {printable_name(result.label_names[place])}  {name}"
            )
    logging.info("heat maps: %s", args.save_dir)
    return 1 if failed else 0


def _maps(
    classifier: "Classifier", method: str, layers: list[str], image: "np.ndarray", label: int
) -> dict[str, "np.ndarray"]:
    """Heat maps of an image by the text below them."""
    from paddle_alexnet.explain.heat_maps import grad_cam, occlusion, saliency

    net, normalize, images = classifier.net, classifier.normalize, image[None]
    if method == "gradcam":
        return {layer: grad_cam(net, normalize, images, layer, [label])[0] for layer in layers}
    compute = {"occlusion": occlusion, "saliency": saliency}[method]
    return {method: compute(net, normalize, images, [label])[0]}


if __name__ == "__main__":
    _entry.run(main)

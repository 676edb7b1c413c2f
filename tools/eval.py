"""Measure weights on labelled images: python tools/eval.py --weights W --data DIR --split val"""

import argparse
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _entry

if TYPE_CHECKING:
    from paddle_alexnet.data.dataset import ImageDataset
    from paddle_alexnet.training.evaluation import Evaluation

MANY_CLASSES = 20  # above, the terminal shows as many of the worst, and no confusion matrix


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("--weights", required=True, help="a .safetensors file of a run")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of images")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--split", default="val", choices=["train", "val", "test", "all"])
    which.add_argument(
        "--list",
        metavar="FILE",
        help="lines 'path label', paths from --data; for a split",
    )
    parser.add_argument("--batch-size", type=_entry.positive, default=64, help="[64]")
    parser.add_argument("--top-k", type=_entry.positive, default=5, help="k of top-k [5]")
    parser.add_argument(
        "--views", type=int, default=1, choices=[1, 10], help="10: the paper's, averaged [1]"
    )
    parser.add_argument(
        "--max-unusable",
        type=_entry.fraction,
        default=0.01,
        metavar="X",
        help="fraction of images [0.01]",
    )
    _entry.add_max_pixels(parser)
    _entry.add_device(parser)
    _entry.add_json(parser, "the figures")
    parser.add_argument(
        "--mistakes", metavar="CSV", help="write the wrongly classified images, the worst first"
    )
    parser.add_argument(
        "--figures", metavar="DIR", help="write confusion matrices and calibration as PNG"
    )
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> int:
    """Evaluate."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.data.batches import EvaluationBatches
    from paddle_alexnet.data.decode import read_image
    from paddle_alexnet.data.flower_folder import FlowerFolder
    from paddle_alexnet.data.folder import list_images
    from paddle_alexnet.data.list_files import read_lists
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.storage.files import make_folder
    from paddle_alexnet.training.evaluation import evaluate

    choose_device(args.device)
    if args.mistakes == "-":
        raise ConfigError("--mistakes -: expected the name of a file")
    _entry.check_targets(args.json, args.mistakes, inputs=[args.weights, args.list])
    if args.figures:
        make_folder(args.figures)
    classifier = Classifier.load(args.weights)
    if args.list:
        listing = read_lists(
            args.data, {args.split: args.list}, num_classes=len(classifier.classes)
        )
    else:
        # Divided as for training, so that "val" means the same images.
        rule = classifier.description.data_split
        listing = list_images(
            *(args.data, rule, args.max_pixels, args.max_unusable),
            sample_bits=classifier.description.sample_bits,
        )
        listing = listing.relabeled(classifier.classes)
    preprocessing = classifier.preprocessing
    if args.views == 10 and not preprocessing.has_views:
        raise ConfigError(
            f"--views 10: {classifier.description.architecture} sees whole images, resized to "
            "its input; ten views would be the same two"
        )
    bits = classifier.description.sample_bits
    read = functools.partial(read_image, max_pixels=args.max_pixels, sample_bits=bits)
    dataset = FlowerFolder(listing, args.split, read=read)
    preprocess = preprocessing if args.views == 1 else preprocessing.views
    result = evaluate(
        classifier.net,
        classifier.normalize,
        EvaluationBatches(dataset, preprocess, batch_size=args.batch_size),
        num_classes=len(classifier.classes),
        topk=args.top_k,
    )
    report(args, result, dataset, classifier.classes)
    return 0


def report(
    args: argparse.Namespace, result: "Evaluation", dataset: "ImageDataset", classes: Sequence[str]
) -> None:
    """Write the files that were asked for, and print the figures."""
    import numpy as np

    from paddle_alexnet.errors import WeightsError
    from paddle_alexnet.figures.captions import FontChooser
    from paddle_alexnet.figures.plots import plot_evaluation, save
    from paddle_alexnet.printable import printable, printable_name
    from paddle_alexnet.results.classification import (
        class_figures,
        class_table,
        figures_json,
        mistakes_csv,
        worst_classes,
    )
    from paddle_alexnet.storage.files import write_text

    if not np.isfinite(result.scores).all():
        raise WeightsError(f"{args.weights} gives scores that are not finite: use other weights")
    source = args.list or args.split
    rows = class_figures(result.labels, result.predicted, result.scores)
    figures = {"split": source, "views": args.views, **figures_json(result, classes, rows)}
    if args.json:
        text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
        _entry.write_result(args.json, text)
    if args.mistakes:
        files = [dataset.name(index) for index in range(len(dataset))]
        write_text(args.mistakes, mistakes_csv(result, classes, files))
    if args.figures:
        shown = FontChooser().class_names(classes)
        for name, figure in plot_evaluation(result, shown).items():
            save(figure, Path(args.figures) / f"{name}.png")
    if args.json == "-":
        return
    print(
        f"{printable(source)}: {result.count} images, {args.views} view(s) each, "
        f"top-1 {result.top1:.4%}, "
        + (f"top-{result.k} {result.topk:.4%}, " if result.topk_tells else "")
        + f"loss {result.loss:.6f}"
    )
    names = [printable_name(name) for name in classes]
    many = len(names) > MANY_CLASSES
    print(class_table(names, rows, worst_classes(rows, MANY_CLASSES) if many else None))
    print(f"expected calibration error {figures['calibration']['error']:.4f}")
    if many:
        print(f"these are the {MANY_CLASSES} worst of {len(names)} classes by F1; --json has all")
        return
    print("confusion matrix, a row for each true class:")
    for name, row in zip(names, result.confusion.tolist(), strict=True):
        found = ", ".join(f"{other}: {n}" for other, n in zip(names, row, strict=True))
        print(f"  {name}: {sum(row)} images, predicted {found}")


if __name__ == "__main__":
    _entry.run(main, for_memory="lower --batch-size")

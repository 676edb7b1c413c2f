"""Find images that look alike to a net, as in Figure 4 of the paper.

First the features of a folder: python tools/neighbors.py --weights W --index FILE --build DIR
Then the nearest of some images: python tools/neighbors.py --weights W --index FILE IMAGE...
"""

import argparse
import functools
import json
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import _entry

if TYPE_CHECKING:
    from paddle_alexnet.explain.neighbors import FeatureIndex
    from paddle_alexnet.inference.classifier import Classifier

MOST_ROWS = 50  # of a sheet


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("images", nargs="*", metavar="IMAGE|FOLDER|GLOB", help="to search for")
    parser.add_argument("--weights", required=True, help="a .safetensors file of a run")
    parser.add_argument("--index", required=True, metavar="FILE", help="features of images")
    parser.add_argument("--build", metavar="DIR", help="make the index of this folder of images")
    parser.add_argument(
        "--split", choices=["train", "val", "test", "all"], help="of the folder of --build [train]"
    )
    parser.add_argument(
        "--layer", help="with --build: whose features [the last hidden layer, such as block7]"
    )
    parser.add_argument("-k", type=_entry.positive, default=6, help="nearest images of each [6]")
    parser.add_argument(
        "--metric", default="cosine", choices=["cosine", "euclidean"], help="[cosine]"
    )
    parser.add_argument("--sheet", metavar="PNG", help="draw a row for each image, up to 50")
    parser.add_argument("--font", metavar="FILE", help="font for class names that are not ASCII")
    _entry.add_max_pixels(parser)
    _entry.add_device(parser)
    _entry.add_json(parser, "what is nearest")
    return parser.parse_intermixed_args()


def main(cpu_speed: dict[str, Any]) -> int:
    """Build an index, search it, or both; returns 1 where an image could not be read."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.inference.predict import find_images
    from paddle_alexnet.runtime.device import choose_device
    from paddle_alexnet.storage.tensors import stated_checksum

    if not args.images and not args.build:
        raise ConfigError("name images to search for, or a folder with --build")
    if args.layer and not args.build:
        raise ConfigError("--layer is for --build: an index holds the features of one layer")
    if args.split and not args.build:
        raise ConfigError("--split is for --build: the whole index is searched")
    if (args.json or args.sheet) and not args.images:
        raise ConfigError("--json and --sheet show what is found: name images to search for")
    choose_device(args.device)
    files = find_images(args.images) if args.images else []
    _entry.check_targets(args.index, args.sheet, args.json, inputs=[args.weights, *files])
    if args.sheet and len(files) > MOST_ROWS:
        raise ConfigError(f"--sheet has room for {MOST_ROWS} images, not for {len(files)}")
    checksum = stated_checksum(args.weights)
    classifier = Classifier.load(args.weights)
    if args.build:
        build(args, classifier, checksum)
    return search(args, files, classifier, checksum) if files else 0


def build(args: argparse.Namespace, classifier: "Classifier", checksum: str) -> None:
    """Write the index."""
    from tqdm import tqdm

    from paddle_alexnet.data.decode import read_image
    from paddle_alexnet.data.flower_folder import FlowerFolder
    from paddle_alexnet.data.folder import list_images
    from paddle_alexnet.explain.neighbors import FeatureIndex
    from paddle_alexnet.inference.features import last_block

    if os.path.exists(args.index):
        FeatureIndex.open(args.index)  # no other file is replaced
    description = classifier.description
    listing = list_images(
        *(args.build, description.data_split, args.max_pixels),
        sample_bits=description.sample_bits,
    )
    read = functools.partial(
        read_image, max_pixels=args.max_pixels, sample_bits=description.sample_bits
    )
    images = FlowerFolder(listing.relabeled(classifier.classes), args.split or "train", read=read)
    layer = args.layer or last_block(classifier.net)
    with tqdm(total=len(images), unit="img", disable=None, leave=False) as bar:
        index = FeatureIndex.build(classifier, images, layer, checksum, bar.update)
    index.save(args.index)
    logging.info("%s: %d images, %d features of %s", args.index, *index.features.shape, layer)


def search(
    args: argparse.Namespace, files: Sequence[str], classifier: "Classifier", checksum: str
) -> int:
    """Print, and write where asked for, what is nearest."""
    import numpy as np

    from paddle_alexnet.explain.neighbors import FeatureIndex
    from paddle_alexnet.inference.features import layer_features
    from paddle_alexnet.inference.predict import Failure, predict_files
    from paddle_alexnet.printable import printable, printable_name

    index = FeatureIndex.open(args.index)
    index.check(checksum)
    bits = classifier.description.sample_bits
    found, inputs, features = [], [], []
    for result, image in predict_files(
        classifier, files, max_pixels=args.max_pixels, sample_bits=bits
    ):
        if isinstance(result, Failure):
            name, reason = printable(result.file_name), printable(result.reason)
            logging.warning("left out %s: %s", name, reason)
            continue
        shown = classifier.preprocessing(image)
        found.append(result)
        features.append(layer_features(classifier, shown[None], index.layer))
        inputs += [shown] if args.sheet else []
    if not found:
        return 1
    indices, distances = index.nearest(np.concatenate(features), args.k, args.metric)
    rows = [
        {
            "file_name": result.file_name,
            "paths": [index.paths[i] for i in near],
            "label_names": [index.classes[index.labels[i]] for i in near],
            "distances": far.tolist(),
        }
        for result, near, far in zip(found, indices, distances, strict=True)
    ]
    if args.sheet:
        draw(args, index, rows, [inputs, indices, distances])
    if args.json:
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
        _entry.write_result(args.json, text)
    if args.json != "-":
        for row in rows:
            print(printable(row["file_name"]))
            parts = zip(row["distances"], row["label_names"], row["paths"], strict=True)
            for distance, name, path in parts:
                print(f"  {distance:8.4f}  {printable_name(name)}  {printable(path)}")
    return 1 if len(found) < len(files) else 0


def draw(args: argparse.Namespace, index: "FeatureIndex", rows: list, found: list) -> None:
    """Write the sheet."""
    from paddle_alexnet.figures.captions import FontChooser, write_png
    from paddle_alexnet.figures.figure4 import neighbor_sheet
    from paddle_alexnet.results.paper_figures import neighbor_cells

    fonts = FontChooser(args.font)
    names = fonts.class_names(index.classes)
    cells = []
    for row, image, *nearest in zip(rows, *found, strict=True):
        name = fonts.showable(os.path.basename(row["file_name"]), "image")
        cells.append(((image, [name, ""]), neighbor_cells(index, *nearest, names)))
    write_png(args.sheet, neighbor_sheet(cells, fonts))


if __name__ == "__main__":
    _entry.run(main)

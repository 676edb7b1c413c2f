"""Classify images: python tools/infer.py --weights RUN/best.safetensors IMAGE|FOLDER|GLOB...

With --model DIR, a folder of tools/export.py, an inference engine does it faster.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _entry

if TYPE_CHECKING:
    from paddle_alexnet.inference.predict import Prediction


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("images", nargs="+", metavar="IMAGE|FOLDER|GLOB")
    _entry.add_source(parser)
    parser.add_argument("--top-k", type=_entry.positive, default=5, help="classes per image [5]")
    parser.add_argument("--batch-size", type=_entry.positive, default=16, help="[16]")
    _entry.add_max_pixels(parser)
    _entry.add_sample_bits(parser, "as in training, or 16")
    _entry.add_device(parser)
    _entry.add_json(parser, "results, at the end,")
    parser.add_argument(
        "--jsonl",
        metavar="FILE",
        help="write each result, as it comes, as a line of JSON; - prints only that",
    )
    parser.add_argument("--save-dir", metavar="DIR", help="write annotated images there")
    parser.add_argument("--font", metavar="FILE", help="font for class names that are not ASCII")
    parser.add_argument("--logdir", metavar="DIR", help="log images to a VisualDL board")
    return parser.parse_args(words)


def main(cpu_speed: dict[str, Any], words: list[str] | None = None) -> int:
    """Classify; returns 1 where a file could not be."""
    args = parse(words)
    _entry.load_paddle()
    from tqdm import tqdm

    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.inference.annotate import AnnotatedOutput
    from paddle_alexnet.inference.predict import find_images, predict_files
    from paddle_alexnet.inference.result_lines import ResultLines

    if args.json == args.jsonl == "-":
        raise ConfigError("--json - and --jsonl -: only one of them can go to the terminal")
    files = find_images(args.images, leave_out=args.save_dir)
    _entry.check_targets(args.json, args.jsonl, inputs=[args.weights, *files])
    classifier = _entry.load_source(args, min(args.batch_size, len(files)))
    results = predict_files(
        classifier,
        files,
        topk=args.top_k,
        batch_size=args.batch_size,
        max_pixels=args.max_pixels,
        sample_bits=args.sample_bits or classifier.description.sample_bits,
    )
    with (
        AnnotatedOutput(args.save_dir, args.logdir, args.font) as showing,
        ResultLines(os.devnull if args.jsonl in (None, "-") else args.jsonl) as lines,
    ):
        bar = tqdm(results, total=len(files), unit="img", disable=None, leave=False)
        failed = _show(args, bar, [lambda row, _: lines.add(row), showing.add])
    if args.save_dir:
        logging.info("annotated images: %s", Path(args.save_dir))
    if not failed:
        return 0
    logging.warning("%d of %d files are left out", failed, len(files))
    return 1


def _show(args: argparse.Namespace, results: Iterable[Any], writers: list[Callable]) -> int:
    """Show each result as it comes; returns how many files are left out."""
    from paddle_alexnet.errors import RunError
    from paddle_alexnet.inference.predict import Failure
    from paddle_alexnet.inference.result_lines import result_line
    from paddle_alexnet.printable import printable

    failed, rows = set(), []
    try:
        for result, image in results:
            if isinstance(result, Failure):
                failed.add(result.file_name)
                _tell(f"left out {printable(result.file_name)}: {printable(result.reason)}")
                continue
            rows.append(result)
            if "-" not in (args.json, args.jsonl):
                _tell(_line(result), sys.stdout)
            elif args.jsonl == "-":
                _entry.write_result("-", result_line(result) + "\n")
            for write in writers:
                try:
                    write(result, image)
                except RunError as error:  # costs this result, not those that follow
                    failed.add(result.file_name)
                    _tell(printable(error))
    finally:  # also after Ctrl-C
        if args.json:
            objects = ",\n".join(map(result_line, rows))
            _entry.write_result(args.json, f"[\n{objects}\n]\n")
    return len(failed)


def _tell(text: str, file: Any = None) -> None:
    """Print a line above the bar, at once."""
    from tqdm import tqdm

    tqdm.write(text, file=file or sys.stderr)
    (file or sys.stderr).flush()


def _line(row: "Prediction") -> str:
    from paddle_alexnet.printable import printable, printable_name

    best = zip(row.scores, row.label_names, strict=True)
    words = [f"{score:7.2%} {printable_name(name)}" for score, name in best]
    return "  ".join([*words, printable(row.file_name)])


if __name__ == "__main__":
    _entry.run(main, for_memory="lower --batch-size")

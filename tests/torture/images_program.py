"""Pass damaged images through the loader and a net, one after the other; see test_images.py.

    images_program.py FOLDER SEED FIRST END

Prints a line for the next image, so that the parent process knows the culprit where this one dies
or hangs: "next NUMBER KIND", "batch FIRST END". The results are printed as JSON.
"""

import io
import json
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

from tests.conftest import TINY, TINY_SIDE  # sets up the process

import numpy as np  # isort: skip
from PIL import Image  # isort: skip

from paddle_alexnet.data.decode import Unreadable, check_image, read_file
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import Listing
from paddle_alexnet.data.header import read_claim
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import DataError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.predict import Failure, predict_files
from paddle_alexnet.nets.alexnet import AlexNet
from paddle_alexnet.nets.weights import Description

KINDS = ("jpeg", "png", "webp", "bmp", "tiff", "gif")
BATCH = 50
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def valid_images():
    """Valid files by kind, in the forms that a kind has."""
    rng = np.random.default_rng(0)
    steps = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    color = Image.fromarray(steps).resize((90, 70), Image.Resampling.BICUBIC)
    grey, palette = color.convert("L"), color.convert("P")
    clear = color.convert("RGBA")
    clear.putalpha(grey)
    deep = Image.fromarray(rng.integers(0, 65536, (40, 50), dtype=np.uint16))
    noise = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [noise.resize(color.size), color]}
    forms = {
        "jpeg": [
            *((color, {}), (grey, {}), (noise, {"quality": 100}), (color, {"exif": exif})),
            *((color, {"progressive": True}), (color.convert("CMYK"), {})),
            (color, {"subsampling": 0, "restart_marker_rows": 1, "comment": b"x" * 40}),
        ],
        "png": [
            *((color, {}), (grey, {}), (palette, {}), (clear, {}), (deep, {}), (noise, {})),
            *((grey.convert("1"), {}), (color, {"exif": exif}), (color, frames)),
        ],
        "webp": [
            *((color, {}), (color, {"lossless": True}), (clear, {}), (clear, {"lossless": True})),
            *((color, {"exif": exif}), (color, frames)),
        ],
        "bmp": [(color, {}), (grey, {}), (palette, {}), (clear, {}), (grey.convert("1"), {})],
        "tiff": [
            *((color, {}), (grey, {}), (palette, {}), (clear, {}), (deep, {}), (color, frames)),
            *((color, {"compression": f"tiff_{name}"}) for name in ("lzw", "adobe_deflate")),
            *((color, {"compression": "packbits"}), (color, {"compression": "jpeg"})),
            *((grey.convert("1"), {"compression": "group4"}), (color, {"big_tiff": True})),
        ],
        "gif": [(palette, {}), (grey, {}), (palette, {"interlace": 1}), (color, frames)],
    }
    return {
        kind: [_encoded(image, kind, options) for image, options in forms[kind]] for kind in KINDS
    }


def _encoded(image, kind, options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def damaged(whole, seed, number):
    """Kind and bytes of image ``number``; they depend only on (seed, number)."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    data = bytearray(whole[kind][rng.integers(len(whole[kind]))])
    other = whole[KINDS[rng.integers(len(KINDS))] if rng.random() < 0.2 else kind]
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        change = CHANGES[rng.integers(len(CHANGES))]
        data = change(data, rng, other[rng.integers(len(other))]) or bytearray(1)
    if kind == "png" and rng.random() < 0.7:
        _mend_checksums(data)
    return kind, bytes(data)


def _place(data, rng):
    """A random position, half of the time within the headers."""
    return int(rng.integers(min(len(data), 80) if rng.random() < 0.5 else len(data)))


def _flip_bits(data, rng, other):
    for _ in range(int(rng.choice([1, 1, 2, 16]))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _cut_off(data, rng, other):
    return data[: _place(data, rng)]


def _double_part(data, rng, other):
    start, target = _place(data, rng), _place(data, rng)
    part = data[start : start + int(rng.integers(1, 400))] * int(rng.choice([1, 1, 1, 20]))
    return data[:target] + part + data[target:]


def _take_out_part(data, rng, other):
    start = _place(data, rng)
    return data[:start] + data[start + int(rng.integers(1, 40)) :]


def _put_extreme_number(data, rng, other):
    size = int(rng.choice([1, 2, 4]))
    number = int(rng.choice(EXTREMES)) % 256**size
    start = _place(data, rng)
    data[start : start + size] = number.to_bytes(size, "big" if rng.random() < 0.5 else "little")
    return data


def _put_random_bytes(data, rng, other):
    start = _place(data, rng)
    data[start : start + 30] = rng.bytes(int(rng.integers(1, 30)))
    return data


def _splice(data, rng, other):
    return data[: _place(data, rng)] + other[_place(other, rng) :]


CHANGES = (
    *(_flip_bits, _cut_off, _double_part, _take_out_part),
    *(_put_extreme_number, _put_random_bytes, _splice),
)


def _mend_checksums(data):
    """Correct the checksums of PNG chunks, so that the damage passes them."""
    place = 8
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            return
        data[end : end + 4] = zlib.crc32(data[place + 4 : end]).to_bytes(4, "big")
        place = end + 4


def say(line):
    """Print a line for the parent process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main():
    """Try images FIRST to END - 1."""
    folder, seed, first, end = Path(sys.argv[1]), *map(int, sys.argv[2:])
    classifier = Classifier(
        AlexNet(2, stages=TINY, input_size=TINY_SIDE),
        Description("tiny", ("a", "b"), Preprocessing(input_size=TINY_SIDE, resize=36)),
    )
    whole = valid_images()
    for files in whole.values():
        for data in files:
            check_image(data)
    before = most_memory()
    for start in range(first, end, BATCH):
        results, paths, loaded = Counter(), [], {}
        slowest = 0.0
        for number in range(start, min(end, start + BATCH)):
            kind, data = damaged(whole, seed, number)
            path = folder / f"{number}.{kind}"
            path.write_bytes(data)
            paths.append(str(path))
            say(f"next {number} {kind}")
            begin = time.process_time()
            loaded[str(path)] = load(path)
            slowest = max(slowest, time.process_time() - begin)
            results[
                f"{kind}: {'decoded' if loaded[str(path)] else 'refused, with the reason'}"
            ] += 1
        say(f"batch {start} {number + 1}")
        begin = time.process_time()
        for result, image in predict_files(classifier, paths, batch_size=BATCH):
            assert (image is not None) == loaded[result.file_name], result
            assert isinstance(result, Failure) or abs(sum(result.scores) - 1) < 1e-4, result
        slowest = max(slowest, (time.process_time() - begin) / BATCH)
        for path in paths:
            Path(path).unlink()
        grown = most_memory() - before
        say(json.dumps({"results": results, "slowest": slowest, "grown": grown}))


def load(path):
    """Whether the loader decodes the file; listing and loader must agree and name the reason."""
    try:
        check_image(read_file(path))
        listed = True
    except Unreadable as error:
        assert str(error)
        listed = False
    dataset = FlowerFolder(Listing(path.parent, ["a"], {"train": [(str(path), 0)]}), "train")
    try:
        image, _ = dataset[0]
    except DataError as error:
        assert path.name in str(error)
        # Else training would stop at an image that passed the check at the start.
        assert not listed, f"the listing accepts {path}: {error}"
        return False
    assert listed, f"the listing refuses {path}, which can be decoded"
    assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
    claim = read_claim(path.read_bytes())
    assert image.shape[0] * image.shape[1] <= claim.width * claim.height
    return True


def most_memory():
    """Peak resident memory of this process in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()

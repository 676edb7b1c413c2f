"""CIFAR-10 as a folder of classes, from its authors' binary archive or from a ZIP of JPEGs.

The authors' format, from the data set's page: six files of 10,000 records; a record is a byte for
the label, then 1,024 bytes each of red, green and blue, row by row. Files one to four become
``train/``, the fifth ``val/``, as cuda-convnet's nets were trained and validated.
"""

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from paddle_alexnet.data.decode import Unreadable, decode_image
from paddle_alexnet.data.download import Archive, local_copy
from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.files import whole_folder

CIFAR10_ROOT = Path("data/cifar10")
CIFAR10 = Archive(
    name="cifar-10-binary.tar.gz",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    size=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    folder="cifar-10-batches-bin",
    max_unpacked=1 << 28,
    hint="Without a network, bring the file and run tools/prepare_cifar10.py --archive FILE "
    "--root {root}.",
)
# In order of the labels, from the archive's batches.meta.txt.
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
SIDE = 32  # pixels
RECORD = 1 + 3 * SIDE**2  # bytes
RECORDS = 10_000  # of a file
# The splits of the archive's files; an image is named by its number among those of its kind.
FILES = {f"data_batch_{n}.bin": ("val" if n == 5 else "train", n - 1) for n in range(1, 6)}
FILES["test_batch.bin"] = ("test", 0)
VAL_OF_CLASS = 1000  # the last of each class of a ZIP's training images
MAX_JPEG, MAX_PIXELS = 1 << 16, 1 << 16  # bytes and pixels of one; far more than any has
PLAIN_NAME = re.compile(r"(?<=/)\w+\.jpg\Z", re.ASCII)
IMAGES = 60_000

# Path below the folder, without the ending, and uint8 RGB [32, 32, 3].
Named = tuple[str, np.ndarray]


def prepare_cifar10(root: str | Path, file: str | Path | None = None) -> None:
    """Make ``root`` with ``train/``, ``val/`` and ``test/`` from the authors' archive.

    PNGs without loss: 40,000, 10,000 and 10,000. An image is named by its record's number, from 0
    to 49,999 over the five training files, and from 0 to 9,999 in the test file.

    Args:
        root: Folder to make; must not exist or be empty.
        file: A copy of the archive; None to download it.

    Raises:
        DataError: There is no network, the archive is another, or the folder cannot be written.
    """
    with local_copy(CIFAR10, root, file) as path:
        _write(root, read_archive(path), path)


def prepare_cifar10_jpeg(root: str | Path, path: str | Path) -> None:
    """Make the same folders from a ZIP of ``cifar10/{train,test}/<class>/<name>.jpg``.

    Such copies have lost some detail. The last 1,000 names of each class of ``train`` become
    ``val/``.

    Args:
        root: Folder to make; must not exist or be empty.
        path: The ZIP: 5,000 training and 1,000 test images of each class, of 32 x 32 pixels.

    Raises:
        DataError: The ZIP holds something else, or the folder cannot be written.
    """
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}")
    _write(root, read_jpegs(path), path)


def read_archive(path: str | Path) -> Iterator[Named]:
    """The images of the authors' archive; its other files are not looked at.

    Raises:
        DataError: A file of images is missing, or of another size or content.
    """
    left = dict(FILES)
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            split, number = left.pop(member.name.removeprefix(f"{CIFAR10.folder}/"), (None, 0))
            if split is None:
                continue
            source = tar.extractfile(member)
            if source is None or member.size != RECORDS * RECORD:
                raise DataError(f"{path}: {member.name} does not hold {RECORDS:,} images")
            records = np.frombuffer(source.read(), np.uint8).reshape(RECORDS, RECORD)
            if records[:, 0].max() >= len(CLASSES):
                raise DataError(f"{path}: {member.name} has labels over {len(CLASSES) - 1}")
            images = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
            for index, (label, image) in enumerate(zip(records[:, 0], images, strict=True)):
                yield f"{split}/{CLASSES[label]}/{number * RECORDS + index:05}", image
    if left:
        raise DataError(f"{path} has no file {CIFAR10.folder}/{next(iter(left))}")


def read_jpegs(path: str | Path) -> Iterator[Named]:
    """The images of a ZIP of JPEGs; its other files are not looked at.

    Raises:
        DataError: Some are missing, or one is not a JPEG of 32 x 32 pixels.
    """
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        for kind, count in (("train", 5 * VAL_OF_CLASS), ("test", VAL_OF_CLASS)):
            for title in CLASSES:
                pattern = f"cifar10/{kind}/{title}/*.jpg"
                files = [n for n in names if PLAIN_NAME.sub("*.jpg", n) == pattern]
                if len(files) != count:
                    raise DataError(
                        f"{path} has {len(files):,} files {pattern}, expected {count:,}"
                    )
                for index, name in enumerate(files):
                    is_val = kind == "train" and index >= count - VAL_OF_CLASS
                    split = "val" if is_val else kind
                    yield f"{split}/{title}/{Path(name).stem}", _decode(archive, name, path)


def _decode(archive: zipfile.ZipFile, name: str, path: str | Path) -> np.ndarray:
    with archive.open(name) as source:
        data = source.read(MAX_JPEG)
    try:
        image = decode_image(data, MAX_PIXELS)
    except Unreadable as error:
        raise DataError(f"{path}: {name}: {error}") from error
    if image.shape != (SIDE, SIDE, 3):
        raise DataError(f"{path}: {name} has shape {image.shape}, expected 32 x 32 pixels")
    return image


def _write(root: str | Path, images: Iterator[Named], path: str | Path) -> None:
    """Write the folder as a whole, or not at all."""
    try:
        with whole_folder(root) as folder:
            for split in ("train", "val", "test"):
                for title in CLASSES:
                    (folder / split / title).mkdir(parents=True)
            for name, image in tqdm(images, "writing", IMAGES, unit=" images", disable=None):
                data = cv2.imencode(".png", image[:, :, ::-1])[1]
                (folder / f"{name}.png").write_bytes(data.tobytes())
    # The last three: damage within a stream, and a ZIP that is encrypted or packed in other ways.
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error
    except OSError as error:
        raise DataError(f"cannot make {root}: {error}") from error

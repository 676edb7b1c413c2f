"""Listing the labelled images of a folder, without those that must not be learned from."""

import hashlib
import logging
import math
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from paddle_alexnet.data import layout
from paddle_alexnet.data.class_names import warn_of_look_alikes
from paddle_alexnet.data.decode import Unreadable, check_image, read_file
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.data.samples import LOW_VALUES, unused_bits
from paddle_alexnet.data.split import SPLITS, SplitRule
from paddle_alexnet.data.tree import Unseen
from paddle_alexnet.errors import ConfigError, DataError
from paddle_alexnet.storage.files import is_free, whole_folder

log = logging.getLogger(__name__)

MAX_BAD_FRACTION = 0.01  # of all images; with more, the folder itself is probably damaged
MAX_THREADS = 4  # each may hold a large image
CHUNK = 64  # files per task of a thread: a task for each file cost more than a small image
SHOWN = 20  # names in a message
MARK = 8  # bytes of a digest by which an image is recognized; two of a million are alike in 1e-8


@dataclass(frozen=True)
class Listing:
    """Labelled images by split.

    Attributes:
        root: The folder.
        classes: Class names, sorted; a label is an index into them.
        splits: For ``train``, ``val`` and ``test`` the samples (path, label), sorted by path.
        contents: For each split a SHA-256 of its files' digests; empty where they were not read.
        digests: For each split the first 8 bytes of each file's digest, joined.
    """

    root: Path
    classes: list[str]
    splits: dict[str, list[tuple[str, int]]]
    contents: Mapping[str, bytes] = field(default_factory=dict)
    digests: Mapping[str, bytes] = field(default_factory=dict)

    def marks(self, split: str) -> np.ndarray:
        """A number uint64 for each sample of a split: of its content or, unread, of path and size.

        Raises:
            DataError: A file is gone.
        """
        joined = self.digests.get(split)
        if joined is None:
            joined = b"".join(self._mark(path) for path, _ in self.splits[split])
        return np.frombuffer(joined, ">u8")

    def _mark(self, path: str) -> bytes:
        try:
            size = os.stat(path).st_size
        except OSError as error:
            raise DataError(f"cannot read {path!r}: {error.strerror}") from error
        below = os.fsencode(os.path.relpath(path, self.root))
        return hashlib.sha256(b"%d %s" % (size, below)).digest()[:MARK]

    def select(self, split: str) -> list[tuple[str, int]]:
        """The samples of a split, or of ``all``.

        Raises:
            ValueError: ``split`` is unknown.
            DataError: It is empty.
        """
        if split not in (*SPLITS, "all"):
            raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}, all")
        names = SPLITS if split == "all" else (split,)
        samples = [sample for name in names for sample in self.splits[name]]
        if not samples:
            counts = ", ".join(f"{name} {len(self.splits[name])}" for name in SPLITS)
            cure = layout.missing_split(self.root, split)
            raise DataError(f"{self.root} has no images for the split {split} ({counts}): {cure}")
        return samples

    def relabeled(self, classes: Sequence[str]) -> "Listing":
        """The same images with labels that are indices into ``classes``.

        Raises:
            DataError: A class of this listing is not among them.
        """
        doubled = [name for name, count in Counter(classes).items() if count > 1]
        if doubled:
            raise DataError(f"the weights have several classes of one name: {some(doubled)}")
        unknown = sorted(set(self.classes) - set(classes))
        if unknown:
            numbers = all(name.isdigit() for name in classes)
            raise DataError(
                f"{self.root} has classes that the weights do not know: {some(unknown)}; they "
                f"know: {some(classes)}"
                + ("; tools/convert.py --classes gives them names" if numbers else "")
            )
        index = [list(classes).index(name) for name in self.classes]
        splits = {
            name: [(path, index[label]) for path, label in samples]
            for name, samples in self.splits.items()
        }
        return replace(self, classes=list(classes), splits=splits)


@dataclass(slots=True)
class _File:
    path: str
    class_name: str
    split: str
    digest: bytes = b""
    fault: str = ""  # why it is no usable image
    greatest: int | None = None  # value of a 16-bit image that does not state it


def list_images(
    root: str | Path,
    rule: SplitRule | None = None,
    max_pixels: int = MAX_PIXELS,
    max_unusable: float | None = None,
    *,
    sample_bits: int | None = None,
) -> Listing:
    """List ``root/<class>/**``, or ``root/{train,val,test}/<class>/**`` where those folders exist.

    A class has the images at any depth below its folder; links to folders are followed only where
    they are the folder of a class or of a split. Litter of systems is passed over; what else is not
    looked at is counted in one line (:mod:`paddle_alexnet.data.tree`).

    Every image is read, hashed and decoded once. Files that cannot be read or decoded, including
    broken links and pipes with an image's suffix, are left out, each with a warning. Of images with
    equal bytes, one is kept within a class (from several splits: test before val before train, so
    that published test sets stay whole); under several classes all are left out, as their label is
    in doubt.

    50,000 JPEGs of 32 x 32 pixels take 1.5 to 4 s on two cores (CIFAR-10, AMD EPYC).

    Args:
        root: The folder.
        rule: How the first layout is split; the second layout is a split itself.
        max_pixels: Larger images are not decoded but left out.
        max_unusable: Fraction of the images that may be left out so; None: 1 %.
        sample_bits: As images will be read; where it is None and 16-bit images have few bits, a
            warning says so.

    Raises:
        DataError: ``root`` has neither layout, a folder in it is divided itself, cannot be read or
            its name is not UTF-8, or more images cannot be read or decoded.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder: expected one with a sub-folder of images for each class; "
            "name another (data.root in training), or make data/flower_photos with "
            "tools/prepare_flowers.py"
        )
    unseen = Unseen(root)
    try:
        files = _find(root, rule or SplitRule(), unseen)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename!r}: {error.strerror}; change its permissions or remove it"
        ) from error
    if not files:
        raise DataError(
            f"{root} holds no images: expected {root}/<class>/*.jpg, or "
            f"{root}/train/<class>/*.jpg and {root}/val/<class>/*.jpg"
            + layout.no_images(root)
            + (f"; {unseen}" if str(unseen) else "")
        )
    _read(files, max_pixels)
    most = MAX_BAD_FRACTION if max_unusable is None else max_unusable
    _report_bad(root, [file for file in files if file.fault], len(files), most)
    if str(unseen):
        log.warning("%s: %s", root, unseen)
    bits = unused_bits(file.greatest for file in files)
    if bits is not None and sample_bits is None:
        log.warning(LOW_VALUES, root, 2**bits - 1, f"data.sample_bits: {bits}")
    kept = _without_copies(file for file in files if not file.fault)
    kept.sort(key=lambda file: file.path)
    classes = sorted({file.class_name for file in kept})
    if gone := sorted({file.class_name for file in files} - set(classes)):
        log.warning("%s: no image is left of the class %s, which is left out", root, some(gone))
    warn_of_look_alikes(root, classes)
    if layout.looks_divided(classes):
        text = "%s: the classes are %s; if these are parts of a data set, each needs a folder for "
        log.warning(text + "each class", root, " and ".join(map(repr, classes)))
    labels = {name: label for label, name in enumerate(classes)}
    parts = {name: [file for file in kept if file.split == name] for name in SPLITS}
    return Listing(
        root,
        classes,
        {name: [(f.path, labels[f.class_name]) for f in part] for name, part in parts.items()},
        {name: hashlib.sha256(b"".join(f.digest for f in p)).digest() for name, p in parts.items()},
        {name: b"".join(f.digest[:MARK] for f in part) for name, part in parts.items()},
    )


def copy_split(
    source: str | Path,
    target: str | Path,
    *,
    val_rate: float = 0.1,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
    max_unusable: float | None = None,
) -> Listing:
    """Copy ``source/<class>/*`` to ``target/{train,val}/<class>/*``, and license files.

    Args:
        source: Folder of classes.
        target: Folder that does not exist or is empty.
        val_rate: Fraction of each class for val, in (0, 1).
        seed: Seed of the draw.
        max_pixels: Larger images are left out.
        max_unusable: As for :func:`list_images`.

    Returns:
        What was copied, with paths in ``source``.

    Raises:
        ConfigError: The fraction is out of range.
        DataError: ``source`` cannot be read or is split already, or ``target`` is not empty or
            cannot be written; what was copied so far is removed.
    """
    source, target = Path(source), Path(target)
    try:
        rule = SplitRule("random", val_rate, seed)
    except ValueError as error:
        raise ConfigError(f"--{error}".replace("val_rate", "val-rate")) from error
    if not is_free(target):
        raise DataError(f"{target} is not an empty folder: it is left as it is; name another")
    if target.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{target} lies within {source}: name a folder outside")
    if source.is_dir() and (parts := layout.split_folders(source)):
        cure = (
            "train from it as it is"
            if "val" in parts
            else f"name {source / parts[0]} to split that"
        )
        raise DataError(f"{source} is split already ({', '.join(parts)}): {cure}")
    listing = list_images(source, rule, max_pixels, max_unusable)
    try:
        with whole_folder(target) as beside:
            for split, samples in listing.splits.items():
                for path, _ in samples:
                    copy = beside / split / os.path.relpath(path, source)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy)
            for license_file in filter(Path.is_file, source.glob("LICENSE*")):
                shutil.copy2(license_file, beside)
    except OSError as error:
        raise DataError(f"cannot copy to {target}: {error}") from error
    return listing


def _find(root: Path, rule: SplitRule, unseen: Unseen) -> list[_File]:
    """All files with an image's suffix, sorted by path."""
    files = []
    for split, class_name, paths in layout.class_folders(root, unseen):
        folder = root / split / class_name
        try:
            class_name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{str(folder)!r}: the name of a class must be UTF-8, as it is written to "
                "weights and reports; rename the folder"
            ) from error
        if not paths:
            log.warning("%r holds no images: it is left out", str(folder))
        beginning = os.path.join(folder, "")
        names = {path.removeprefix(beginning): path for path in paths}
        splits = dict.fromkeys(names, split) if split else rule.assign(class_name, names)
        files += [_File(path, class_name, splits[name]) for name, path in names.items()]
    return files


def _read(files: list[_File], max_pixels: int) -> None:
    """Set each file's digest, or its fault where it is no image."""

    def read(chunk: list[_File]) -> None:
        for file in chunk:
            try:
                data = read_file(file.path)
                file.greatest = check_image(data, max_pixels)
                file.digest = hashlib.sha256(data).digest()
            except Unreadable as error:
                file.fault = str(error)

    chunks = (files[start : start + CHUNK] for start in range(0, len(files), CHUNK))
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(read, chunks):
            pass


def _report_bad(root: Path, bad: list[_File], total: int, most: float) -> None:
    if len(bad) > most * total:
        names = some([f"{file.path} ({file.fault})" for file in bad])
        enough = math.ceil(1000 * len(bad) / total) / 1000
        raise DataError(
            f"{len(bad)} of {total} images in {root} cannot be read or decoded, over {most:.3g} of "
            f"them; repair or remove them, or accept them by data.max_unusable={enough:g} "
            f"(split_data.py, eval.py: --max-unusable): {names}"
        )
    for file in bad:
        log.warning("left out, %s: %r", file.fault, file.path)
    if bad:
        log.warning("%d of %d images are left out as they cannot be used", len(bad), total)


def _without_copies(files: Iterable[_File]) -> list[_File]:
    same: defaultdict[bytes, list[_File]] = defaultdict(list)
    for file in files:
        same[file.digest].append(file)
    kept, copies = [], []
    for group in same.values():
        if len({file.class_name for file in group}) > 1:
            names = ", ".join(repr(file.path) for file in group)
            log.warning("left out, the same image under several classes: %s", names)
            continue
        kept.append(max(group, key=lambda file: SPLITS.index(file.split)))
        copies += [file.path for file in group if file is not kept[-1]]
    if copies:
        text = "%d images are left out as copies of another in their class: %s"
        log.warning(text, len(copies), some(copies))
    return kept


def some(names: Sequence[str]) -> str:
    """The first of some names, for a message."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more

"""Finding the labelled pictures of a folder, and leaving out what must not be learned from."""

import functools
import hashlib
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from paddle_alexnet.data.decode import Unreadable, check_image, is_image_name, read_file
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.data.split import SPLITS, SplitRule
from paddle_alexnet.errors import DataError
from paddle_alexnet.printable import printable, printable_name

log = logging.getLogger(__name__)

MAX_BAD_SHARE = 0.01  # of all pictures; with more the folder itself is taken to be damaged
MOST_THREADS = 4  # each may hold a large picture
SHOWN = 20  # names in a message

Sample = tuple[str, int]


@dataclass(frozen=True)
class Listing:
    """Labelled pictures by split.

    Attributes:
        root: The folder.
        classes: Class names, sorted; a label is an index into them.
        splits: For ``train``, ``val`` and ``test`` the samples (path, label), sorted.
        contents: A hash of the content of all files in order of path; empty where none was read.
    """

    root: Path
    classes: list[str]
    splits: dict[str, list[Sample]]
    contents: bytes = b""

    def select(self, split: str) -> list[Sample]:
        """The samples of a split, or of ``all``.

        Raises:
            ValueError: There is no split of this name.
            DataError: It holds nothing.
        """
        if split not in (*SPLITS, "all"):
            raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}, all")
        names = SPLITS if split == "all" else (split,)
        samples = [sample for name in names for sample in self.splits[name]]
        if not samples:
            counts = ", ".join(f"{name} {len(self.splits[name])}" for name in SPLITS)
            cure = (
                f"put some in {self.root / split}/<class>/"
                if divided_folders(self.root)
                else "add pictures, set data.split=random, or divide the folder yourself"
            )
            raise DataError(f"{self.root} has no pictures for the split {split} ({counts}): {cure}")
        return samples

    def relabeled(self, classes: Sequence[str]) -> "Listing":
        """The same pictures with labels that are indices into ``classes``.

        Raises:
            DataError: A class of this listing is not among them.
        """
        unknown = sorted(set(self.classes) - set(classes))
        if unknown:
            numbers = all(name.isdigit() for name in classes)
            raise DataError(
                f"{self.root} has classes that the weights do not know: {_some(unknown)}; they "
                f"know: {', '.join(map(printable_name, classes))}"
                + ("; tools/convert.py --classes gives them names" if numbers else "")
            )
        index = [list(classes).index(name) for name in self.classes]
        splits = {
            name: [(path, index[label]) for path, label in samples]
            for name, samples in self.splits.items()
        }
        return replace(self, classes=list(classes), splits=splits)


@dataclass(frozen=True)
class _File:
    path: str
    class_name: str
    split: str
    digest: bytes = b""
    fault: str = ""  # why it is no picture


def list_images(
    root: str | Path, rule: SplitRule | None = None, max_pixels: int = MAX_PIXELS
) -> Listing:
    """List ``root/<class>/*``, or ``root/{train,val,test}/<class>/*`` where those folders exist.

    Every picture is read once. What cannot be read or decoded, broken links and pipes with an
    image's suffix too, is named with the reason and left out. Of pictures that
    are the same byte for byte, one is kept within a class (where they stand in several splits, a
    test picture before a val picture before a training picture, so that published test sets stay
    whole); under several classes all are left out, as their label is in doubt.

    Args:
        root: The folder. Hidden folders and files without an image's suffix are passed over.
        rule: How the first layout is divided; the second brings its own division.
        max_pixels: A larger picture is not decoded but left out.

    Raises:
        DataError: ``root`` is not such a folder, a folder cannot be read or has a name that is not
            UTF-8, or over 1 % of the pictures cannot be read or decoded.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder: expected one with a sub-folder of images for each class; "
            "name another (data.root in training), or make data/flower_photos with "
            "tools/prepare_flowers.py"
        )
    try:
        files = _find(root, rule or SplitRule())
        with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
            read = list(pool.map(functools.partial(_read, max_pixels=max_pixels), files))
    except OSError as error:
        raise DataError(
            f"cannot read {printable(error.filename)}: {error.strerror}; mend its permissions or "
            "take it away"
        ) from error
    if not files:
        raise DataError(
            f"{root} holds no images: expected {root}/<class>/*.jpg, or "
            f"{root}/train/<class>/*.jpg and {root}/val/<class>/*.jpg"
        )
    whole = [file for file in read if not file.fault]
    _report_bad(root, [file for file in read if file.fault], len(files))
    kept = sorted(_without_doubles(whole), key=lambda file: file.path)
    classes = sorted({file.class_name for file in kept})
    labels = {name: label for label, name in enumerate(classes)}
    splits: dict[str, list[Sample]] = {name: [] for name in SPLITS}
    for file in kept:
        splits[file.split].append((file.path, labels[file.class_name]))
    contents = hashlib.sha256(b"".join(file.digest for file in kept)).digest()
    return Listing(root, classes, splits, contents)


def _find(root: Path, rule: SplitRule) -> list[_File]:
    """All files with an image's suffix, in order of path."""
    files = []
    for split in divided_folders(root) or [""]:
        for class_name in sorted(_folders(root / split)):
            folder = root / split / class_name
            _check_class(folder)
            names = sorted(_images(folder))
            if not names:
                log.warning("%s holds no images: it is left out", printable(folder))
            splits = dict.fromkeys(names, split) if split else rule.assign(class_name, names)
            files += [_File(str(folder / name), class_name, splits[name]) for name in names]
    return files


def divided_folders(root: Path) -> list[str]:
    """Which of train, val and test are parts of a divided folder, and not classes so called."""
    folders = [name for name in SPLITS if (root / name).is_dir()]
    return [name for name in folders if _folders(root / name) and not _images(root / name)]


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.name for e in entries if not e.name.startswith(".") and _is_folder(e)]


def _images(folder: Path) -> list[str]:
    """Whatever has an image's suffix and is no folder: what it is worth, reading tells."""
    with os.scandir(folder) as entries:
        return [e.name for e in entries if is_image_name(e.name) and not _is_folder(e)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _check_class(folder: Path) -> None:
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{printable(folder)}: the name of a class must be UTF-8, as it is written to weights "
            "and reports; rename the folder"
        ) from error


def _read(file: _File, max_pixels: int) -> _File:
    """The file with its digest, or with its fault where it is no picture."""
    try:
        data = read_file(file.path)
        check_image(data, max_pixels)
    except Unreadable as error:
        return replace(file, fault=str(error))
    return replace(file, digest=hashlib.sha256(data).digest())


def _report_bad(root: Path, bad: list[_File], total: int) -> None:
    if not bad:
        return
    if len(bad) > MAX_BAD_SHARE * total:
        names = _some([f"{file.path} ({file.fault})" for file in bad])
        raise DataError(
            f"{len(bad)} of {total} images in {printable(root)} cannot be read or decoded, over "
            f"{MAX_BAD_SHARE:.0%}; mend them or take them away: {names}"
        )
    for file in bad:
        log.warning("left out, %s: %s", file.fault, printable(file.path))
    log.warning("%d of %d images are left out as they cannot be used", len(bad), total)


def _without_doubles(files: Iterable[_File]) -> list[_File]:
    same: defaultdict[bytes, list[_File]] = defaultdict(list)
    for file in files:
        same[file.digest].append(file)
    kept, copies = [], []
    for group in same.values():
        counts = Counter(file.class_name for file in group)
        if len(counts) > 1:
            log.warning(
                "left out, the same picture under several classes: %s",
                ", ".join(printable(file.path) for file in group),
            )
            continue
        chosen = max(group, key=lambda file: SPLITS.index(file.split))
        kept.append(chosen)
        copies += [file.path for file in group if file is not chosen]
    if copies:
        log.warning(
            "%d images are left out as copies of another in their class: %s",
            len(copies),
            _some(copies),
        )
    return kept


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(printable, names[:SHOWN])) + more

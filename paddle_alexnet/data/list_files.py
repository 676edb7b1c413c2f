"""Labelled images from list files, as ImageNet often comes."""

import itertools
import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from paddle_alexnet.data.class_names import read_class_names
from paddle_alexnet.data.folder import Listing, some
from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.files import decode_text, split_lines

log = logging.getLogger(__name__)

MAX_LABEL = 99_999  # ImageNet's 14 million images have 21,841 classes
FEW = 8  # images of a folder up to which each is asked for; of more the folder is listed
DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")

Samples = list[tuple[str, int]]


def read_lists(
    root: str | Path,
    lists: dict[str, str | Path],
    *,
    class_names: str | Path | None = None,
    num_classes: int | None = None,
) -> Listing:
    r"""Read files of lines ``path label``.

    All images must exist, and none may be in two lists or under two labels. They are not read:
    there may be a million. One that cannot be decoded ends the run that reaches it, with its name;
    one whose content changes is not noticed.

    Args:
        root: Folder that the paths are relative to; the separator is ``/``, or ``\`` where no file
            has a name with it.
        lists: A file for some of ``train``, ``val`` and ``test``. A label is a whole number from 0
            to 99,999, after the last space or tab of its line; quotes around a path are taken off,
            empty lines are ignored.
        class_names: File of class names, see
            :func:`paddle_alexnet.data.class_names.read_class_names`; None: the labels are the
            names.
        num_classes: Classes; None: as many as ``class_names`` has, or as the labels need.

    Raises:
        DataError: A file cannot be read, a line is malformed, a label is too large, an image does
            not exist, or one is listed twice with another label or in another list.
    """
    root = Path(root)  # one spelling, so that it is recognized as the beginning of every path
    splits: dict[str, Samples] = {"train": [], "val": [], "test": []}
    for split, path in lists.items():
        splits[split] = [
            _parse_line(root, path, number, line)
            for number, line in enumerate(_read_lines(path), start=1)
            if line.strip()
        ]
        if not splits[split]:
            raise DataError(f"{path} is empty: expected lines 'path label'")
    faults = [_missing_images(root, path, splits[split]) for split, path in lists.items()]
    faults += _several_places(lists, splits)
    if any(faults):
        raise DataError("\n  ".join(filter(None, faults)))
    names = None if class_names is None else read_class_names(class_names)
    labels = {label for samples in splits.values() for _, label in samples}
    greatest = max(labels)
    classes = num_classes or (len(names) if names else greatest + 1)
    if names is not None and len(names) != classes:
        raise DataError(
            f"{class_names} names {len(names)} classes, but model.num_classes is {classes}"
        )
    if greatest >= classes:
        from_one = labels == set(range(1, classes + 1))
        raise DataError(
            f"the lists have the label {greatest}, but there are {classes} classes: labels must be "
            f"0 to {classes - 1}" + ("; they begin at 1: subtract 1 from each" if from_one else "")
        )
    return Listing(root, names or [str(label) for label in range(classes)], splits)


def _read_lines(path: str | Path) -> list[str]:
    try:
        return split_lines(decode_text(Path(path).read_bytes()))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the list {path}: {error}") from error


def _parse_line(root: Path, path: str | Path, number: int, line: str) -> tuple[str, int]:
    parts = re.fullmatch(r"(.*[^ \t])[ \t]+(\S+)", line.strip(), re.DOTALL)
    name, label = parts.groups() if parts else ("", "")
    name = name.rstrip()  # of no-break spaces too, as a table may have them
    label = label.strip("\"'")
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if not name or "\0" in name or name[-1] in ",;" or not (label.isascii() and label.isdecimal()):
        raise DataError(
            f"{path}, line {number}: expected 'path label', got {line[:200]!r}{_cure(line)}"
        )
    if len(label) > len(str(MAX_LABEL)) or int(label) > MAX_LABEL:
        raise DataError(
            f"{path}, line {number}: the label is {label[:100]}; labels may be 0 to {MAX_LABEL:,}"
        )
    if "\\" in name and os.sep == "/" and not os.path.exists(os.path.join(root, name)):
        if DRIVE.match(name):
            raise DataError(
                f"{path}, line {number}: {name[:200]!r} is a path on a Windows disk: write paths "
                "relative to data.root"
            )
        name = name.replace("\\", "/")
    return os.path.join(root, name), int(label)


def _cure(line: str) -> str:
    words = line.split()
    if re.search(r"[,;]\s*[\"']?\d+[\"']?\s*$", line):
        return "; separate path and label by a space or a tab"
    if len(words) > 1 and words[0].isdecimal():
        return "; the label comes last"
    if len(words) > 1:
        return "; labels are numbers from 0, their names are given by data.class_names"
    return ""


def _missing_images(root: Path, path: str | Path, samples: Samples) -> str:
    """What to say of images that do not exist; empty if all do."""
    missing = _missing(name for name, _ in samples)
    if not missing:
        return ""
    below = [os.path.relpath(name, root) for name in missing[:3]]
    others = dict.fromkeys(map(Path.absolute, (Path(path).parent, Path(), root.parent)))
    cure = "correct data.root, or take their lines out of the list before the run begins"
    for other in others:
        if all((other / name).is_file() for name in below):
            cure = f"they are in {other}: set data.root={other} (eval.py: --data)"
    return (
        f"{path}: {len(missing):,} of {len(samples):,} images do not exist: {some(missing)}; "
        f"paths are relative to data.root ({root}): {cure}"
    )


def _missing(paths: Iterable[str]) -> list[str]:
    """Those that are no files; folders are listed once, as a question for each file is slower."""
    names_by_folder = defaultdict(list)
    for path in paths:
        folder, _, name = path.rpartition(os.sep)
        names_by_folder[folder].append(name)
    missing = []
    for folder, names in names_by_folder.items():
        there: set[str] = set()
        if len(names) > FEW:
            try:
                with os.scandir(folder or os.sep) as entries:
                    there = {entry.name for entry in entries if entry.is_file()}
            except OSError:
                pass  # then each is asked for
        left = (os.path.join(folder, name) for name in names if name not in there)
        missing += [path for path in left if not os.path.isfile(path)]
    return missing


def _several_places(
    lists: Mapping[str, str | Path], splits: Mapping[str, Samples]
) -> Iterator[str]:
    """What to say of images with two labels or in two lists; of one listed twice, a warning."""
    labels = {}
    for split, path in lists.items():
        samples = [(_plain(name), label) for name, label in splits[split]]
        labels[split] = dict(samples)
        if len(labels[split]) == len(samples):
            continue
        doubled = [name for name, n in Counter(name for name, _ in samples).items() if n > 1]
        labelled = {name for name, n in Counter(name for name, _ in set(samples)).items() if n > 1}
        if labelled:
            yield (
                f"{path}: {len(labelled):,} images have several labels: {some(sorted(labelled))}; "
                "keep one line for each"
            )
        else:
            log.warning("%s: %d images are listed twice: %s", path, len(doubled), some(doubled))
    for one, two in itertools.combinations(lists, 2):
        if both := labels[one].keys() & labels[two].keys():
            yield (
                f"{lists[one]} and {lists[two]} have {len(both):,} images in common: "
                f"{some(sorted(both))}; take their lines out of one, as what is learned from says "
                "nothing in validation"
            )


def _plain(path: str) -> str:
    """One spelling for a path; most have it already."""
    return os.path.normpath(path) if "/." in path or "//" in path else path

"""Labelled pictures from list files, as ImageNet is often laid out."""

import os
from pathlib import Path

from paddle_alexnet.data.listing import Listing, Sample
from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.names import shown


def read_lists(
    root: str | Path,
    lists: dict[str, str | Path],
    *,
    class_names: str | Path | None = None,
    num_classes: int | None = None,
) -> Listing:
    """Read files of lines ``path label``.

    The pictures themselves are not looked at: there may be a million of them. One that does not
    decode ends the run that meets it, by name.

    Args:
        root: Folder that the paths are relative to; the separator is ``/``.
        lists: A file for some of ``train``, ``val`` and ``test``. A label is a whole number from 0
            on, after the last blank of its line; empty lines are passed over.
        class_names: A file with the name of a class on each line; None for the labels as names.
        num_classes: Classes; None for as many as ``class_names`` has, or as the labels need.

    Raises:
        DataError: A file cannot be read, a line is not as described, a label is too large, or the
            first picture of a list is not there.
    """
    splits: dict[str, list[Sample]] = {"train": [], "val": [], "test": []}
    for split, path in lists.items():
        splits[split] = [
            _sample(root, path, number, line)
            for number, line in enumerate(_lines(path), start=1)
            if line.strip()
        ]
        if not splits[split]:
            raise DataError(f"{path} is empty: expected lines 'path label'")
        if not os.path.exists(splits[split][0][0]):
            raise DataError(
                f"{path} begins with {shown(splits[split][0][0])}, which is not there: its paths "
                "are taken from data.root"
            )
    names = None if class_names is None else [name.strip() for name in _lines(class_names)]
    greatest = max(label for samples in splits.values() for _, label in samples)
    classes = num_classes or (len(names) if names else greatest + 1)
    if names is not None and len(names) != classes:
        raise DataError(
            f"{class_names} names {len(names)} classes, but model.num_classes is {classes}"
        )
    if greatest >= classes:
        raise DataError(
            f"the lists have the label {greatest}, but there are {classes} classes: labels must be "
            f"0 to {classes - 1}"
        )
    return Listing(Path(root), names or [str(label) for label in range(classes)], splits)


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the list {path}: {error}") from error


def _sample(root: str | Path, path: str | Path, number: int, line: str) -> Sample:
    name, _, label = line.strip().rpartition(" ")
    if not name or not label.isdecimal():
        raise DataError(f"{path}, line {number}: expected 'path label', got {line!r}")
    return os.path.join(root, name.rstrip()), int(label)

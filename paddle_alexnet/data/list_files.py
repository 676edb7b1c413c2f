"""Labelled images from list files, as ImageNet often comes, and files of class names."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from paddle_alexnet.data.folder import Listing
from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.files import parse_json, read_text

MAX_LABEL = 99_999  # ImageNet's 14 million images have 21,841 classes
MAX_NAME = 1000  # characters of a class name, here and in weights files; ImageNet's longest: 134


def read_lists(
    root: str | Path,
    lists: dict[str, str | Path],
    *,
    class_names: str | Path | None = None,
    num_classes: int | None = None,
) -> Listing:
    """Read files of lines ``path label``.

    The images themselves are not read: there may be a million. One that cannot be decoded ends the
    run that reaches it, with its name; one whose content changes is not noticed.

    Args:
        root: Folder that the paths are relative to; the separator is ``/``.
        lists: A file for some of ``train``, ``val`` and ``test``. A label is a whole number from 0
            to 99,999, after the last space of its line; empty lines are ignored.
        class_names: File with one class name per line; None: the labels are the names.
        num_classes: Classes; None: as many as ``class_names`` has, or as the labels need.

    Raises:
        DataError: A file cannot be read, a line is malformed, a label is too large, or the first
            image of a list does not exist.
    """
    root = Path(root)  # one spelling, so that it is recognized as the beginning of every path
    splits: dict[str, list[tuple[str, int]]] = {"train": [], "val": [], "test": []}
    for split, path in lists.items():
        splits[split] = [
            _parse_line(root, path, number, line)
            for number, line in enumerate(_read_lines(path), start=1)
            if line.strip()
        ]
        if not splits[split]:
            raise DataError(f"{path} is empty: expected lines 'path label'")
        if not os.path.exists(splits[split][0][0]):
            raise DataError(
                f"{path} begins with {splits[split][0][0]!r}, which does not exist: paths are "
                "relative to data.root"
            )
    names = None if class_names is None else [name.strip() for name in _read_lines(class_names)]
    if names is not None and max(map(len, names), default=0) > MAX_NAME:
        raise DataError(f"{class_names} has a class name of over {MAX_NAME} characters")
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
    return Listing(root, names or [str(label) for label in range(classes)], splits)


def _read_lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the list {path}: {error}") from error


def _parse_line(root: Path, path: str | Path, number: int, line: str) -> tuple[str, int]:
    name, _, label = line.strip().rpartition(" ")
    if not name or "\0" in name or not (label.isascii() and label.isdecimal()):
        raise DataError(f"{path}, line {number}: expected 'path label', got {line[:200]!r}")
    if len(label) > len(str(MAX_LABEL)) or int(label) > MAX_LABEL:
        raise DataError(
            f"{path}, line {number}: the label is {label[:100]}; labels may be 0 to {MAX_LABEL:,}"
        )
    return os.path.join(root, name.rstrip()), int(label)


def read_class_names(path: str | Path) -> list[str]:
    """Class names in order of the logits.

    Args:
        path: A ``.json`` file as :func:`class_index` makes it, or another file with one name per
            line; empty lines are ignored.

    Raises:
        DataError: It cannot be read, is malformed, or names no class.
    """
    try:
        text = read_text(path)
        names = _names_of_index(text) if str(path).endswith(".json") else text.splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read class names from {path}: {str(error)[:200]}") from error
    names = [name.strip() for name in names if name.strip()]
    if not names:
        raise DataError(f"--classes: {path} names no class")
    if max(map(len, names)) > MAX_NAME:
        raise DataError(f"--classes: {path} has a name of over {MAX_NAME} characters")
    return names


def class_index(classes: Sequence[str]) -> str:
    """The text of a run's ``class_index.json``: ``{"0": "daisy", ...}``."""
    names = {str(label): name for label, name in enumerate(classes)}
    return json.dumps(names, ensure_ascii=False, indent=2) + "\n"


def _names_of_index(text: str) -> list[str]:
    index = parse_json(text)
    wanted = [str(number) for number in range(len(index))] if isinstance(index, dict) else None
    if wanted is None or set(wanted) != index.keys():
        raise ValueError('expected {"0": NAME, "1": NAME, ...}')
    names = [index[number] for number in wanted]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("every name must be a text that is not empty")
    return names

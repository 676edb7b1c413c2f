"""How a folder of images is laid out: classes, or train/, val/ and test/ with classes in each."""

import os
import re
import shlex
from pathlib import Path

from paddle_alexnet.data.split import SPLITS
from paddle_alexnet.data.tree import TEXTS, Unseen, images_below, is_image_name, scan
from paddle_alexnet.errors import DataError

# How people name the parts of a data set, in lower case.
_LIKE = {
    "train": re.compile(r"(train|training|trn)([-_ ]?(set|data|images?|\d+))?"),
    "val": re.compile(r"(val|valid|validation|dev|eval|evaluation)([-_ ]?(set|data|images?|\d+))?"),
    "test": re.compile(r"(test|testing|tst)([-_ ]?(set|data|images?|\d+))?"),
}


def split_folders(root: str | Path) -> list[str]:
    """Which of train, val and test are splits of ``root``, and not classes of these names.

    One alone that also holds images is a class; where several hold folders, they are splits.
    """
    content = {name: scan(Path(root, name)) for name in SPLITS if Path(root, name).is_dir()}
    found = {name: others for name, (folders, others) in content.items() if folders}
    if len(found) == 1 and any(
        is_image_name(other) for others in found.values() for other in others
    ):
        return []
    return list(found)


def class_folders(root: Path, unseen: Unseen) -> list[tuple[str, str, list[str]]]:
    """The folders of classes as (split, class, paths of the images), in order.

    ``split`` is empty where the folder is not divided. A class has all images below its folder.

    Raises:
        DataError: A folder below is divided in a way that only its owner can explain.
        OSError: A folder cannot be read.
    """
    splits = split_folders(root)
    if "train" not in splits:
        _refuse_unusual_names(root)
    folders, files = scan(root)
    for name in folders if splits else ():
        if name not in splits:
            unseen.folder(str(root / name))
    _count_files(root, files, unseen)
    found = []
    for split in splits or [""]:
        names, files = scan(root / split)
        if split:
            _count_files(root / split, files, unseen)
        for name in names:
            folder = str(root / split / name)
            if os.path.islink(folder) and root.resolve().is_relative_to(os.path.realpath(folder)):
                continue  # it leads back here
            _refuse_divided(folder)
            found.append((split, name, images_below(folder, unseen)))
    return found


def missing_split(root: Path, split: str) -> str:
    """What to do where a split has no images: names the layout, and the command that fits."""
    splits = split_folders(root)
    if not splits and split == "test":
        return (
            "data.split=random leaves none, and data.split=hash none of these names; use another "
            "split, or divide the folder"
        )
    if not splits:
        return "add images, set data.split=random, or divide the folder with tools/split_data.py"
    for name in scan(root)[0]:
        if name not in splits and _like(name) == split and name != split:
            words = shlex.join(["mv", str(root / name), str(root / split)])
            return f"it holds {name!r}, which is read as {split} under that name: {words}"
    if "train" not in splits:
        return f"put some in {root / split}/<class>/"
    flat = [name for name in SPLITS if name not in splits and (root / name).is_dir()]
    held = [f"{name}/<class>/" for name in splits] + [f"an undivided {name}/" for name in flat]
    return (
        f"put some in {root / split}/<class>/, or take them from train/: -o "
        f"{shlex.quote(f'data.root={root}/train')} divides it by file name, tools/split_data.py "
        f"divides it at random; it holds {' and '.join(held)}"
    )


def single_class(root: Path, name: str) -> str:
    """What to do where there is only one class."""
    folder = root / name
    if not folder.is_dir():
        return ""
    inside = [inner for inner in scan(folder)[0] if images_below(str(folder / inner), Unseen(root))]
    if len(inside) < 2:
        return ""
    words = shlex.quote(f"data.root={folder}")
    return f"; it holds {inside[0]!r} and {inside[1]!r}: if these are the classes, -o {words}"


def no_images(root: Path) -> str:
    """What is there instead of images in folders of classes; empty if nothing is known."""
    loose = [name for name in scan(root)[1] if is_image_name(name)]
    if not loose:
        return ""
    return f"; {len(loose):,} images such as {loose[0]!r} lie in it, outside a folder of a class"


def looks_divided(classes: list[str]) -> bool:
    """Whether the classes are rather the parts of a data set: train and test1."""
    return (
        len(classes) > 1 and "train" in (kinds := list(map(_like, classes))) and None not in kinds
    )


def _like(name: str) -> str | None:
    return next((split for split, like in _LIKE.items() if like.fullmatch(name.lower())), None)


def _parts(folder: str | Path) -> list[str]:
    """The sub-folders that look like train and one other part; empty if not both are there."""
    kinds = {name: _like(name) for name in scan(folder)[0]}
    parts = [name for name, kind in kinds.items() if kind]
    return parts if {"train"} < {kind for kind in kinds.values() if kind} else []


def _refuse_unusual_names(root: Path) -> None:
    parts = _parts(root)
    if any(scan(root / name)[0] for name in parts):
        moves = [
            shlex.join(["mv", str(root / name), str(root / _like(name))])
            for name in parts
            if name != _like(name)
        ]
        raise DataError(
            f"{root} holds {', '.join(map(repr, parts))}, which are no classes; name them train, "
            f"val and test: {' && '.join(moves) or 'each with a folder for each class'}"
        )


def _refuse_divided(folder: str) -> None:
    parts = _parts(folder)
    if parts:
        words = shlex.quote(f"data.root={folder}")
        raise DataError(
            f"{folder!r} would be a class, but holds {' and '.join(map(repr, parts))}: if it is "
            f"the data set, -o {words}; if it is a class, move it to train/<class>/ and "
            "val/<class>/"
        )
    for name in scan(folder)[0]:
        if not os.path.islink(inner := os.path.join(folder, name)):
            _refuse_divided(inner)


def _count_files(folder: Path, names: list[str], unseen: Unseen) -> None:
    """Files beside folders of classes; texts there are about the set."""
    for name in names:
        if not name.lower().endswith(TEXTS) and not name.startswith(("LICENSE", "README")):
            unseen.file(str(folder / name))

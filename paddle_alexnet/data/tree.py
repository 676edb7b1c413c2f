"""Walking folders: which files are images by their names, what is litter, what was passed over."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# What is looked at; tests/data/test_tree.py has an image of each.
SUFFIXES = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "webp", "tif", "tiff", "gif", "avif"),
    *("jp2", "ppm", "pgm", "pbm"),
)
TEXTS = (".txt", ".csv", ".tsv", ".json", ".md")  # list files, class names, credits
ANNOTATED = ".annotated.jpg"  # what tools/infer.py --save-dir writes
# Made by systems, NAS boxes (Synology, QNAP) and archivers beside people's files; lower case.
LITTER = {
    *("thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "desktop.ini", "icon\r", "picasa.ini"),
    *("zbthumbnail.info", "lost+found", "$recycle.bin", "recycler", "system volume information"),
    *("__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder"),
    *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "@__thumb", "@sharebin", "#recycle"),
    *("#snapshot", "found.000", "__pycache__"),
}
KNOWN = {ANNOTATED, *(f".{suffix}" for suffix in SUFFIXES)}
SHOWN = 5  # places in a message


def is_image_name(name: str) -> bool:
    """Whether a file of this name counts as an image, by its suffix in any case."""
    stem, _, suffix = name.rpartition(".")
    return bool(stem) and suffix.lower() in SUFFIXES and not is_litter(name)


def is_litter(name: str) -> bool:
    """Whether a file or a folder is passed over without a word: hidden, or a system's own.

    macOS leaves ``._photo.jpg`` beside ``photo.jpg`` on other disks; a NAS keeps small copies of
    every photo in ``@eaDir``.
    """
    return name.startswith(".") or name.lower() in LITTER


class Unseen:
    """What lies below a folder and was not looked at, to be said in one line.

    Args:
        root: The folder. A link to a folder within it misses nothing and is not counted.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self._real = os.path.realpath(root)
        self._files: dict[str, Counter[str]] = {}
        self._links: list[str] = []

    def file(self, path: str) -> None:
        """Count a file."""
        folder, name = os.path.split(path)
        kind = ANNOTATED if name.endswith(ANNOTATED) else os.path.splitext(name)[1].lower()
        self._files.setdefault(folder, Counter())[kind or "no suffix"] += 1

    def link(self, path: str) -> None:
        """Count a link to a folder, which is not followed."""
        target = os.path.realpath(path)
        inside = os.path.join(self._real, "")
        if not os.path.join(target, "").startswith(inside) and not inside.startswith(
            os.path.join(target, "")
        ):
            self._links.append(path)

    def folder(self, path: str) -> None:
        """Count all files below a folder."""
        for _, file in walk(path, self):
            self.file(file)

    def __str__(self) -> str:
        """One line; empty if nothing was passed over."""
        count, links = sum(map(Counter.total, self._files.values())), len(self._links)
        if not count + links:
            return ""
        files = f"{count:,} file{'s' * (count != 1)}"
        what = " and ".join([files] * bool(count) + [f"{links:,} linked folder{'s' * (links != 1)}"]
                            * bool(links))  # fmt: skip
        shown = [
            f"{self._name(folder)} ({kinds.total():,}: {', '.join(list(kinds)[:SHOWN])})"
            for folder, kinds in self._files.items()
        ] + [f"{self._name(link)} (a link)" for link in self._links]
        more = f" and {len(shown) - SHOWN:,} more" if len(shown) > SHOWN else ""
        places = f"{len(shown):,} place{'s' * (len(shown) != 1)}"
        unknown = {kind for kinds in self._files.values() for kind in kinds} - KNOWN
        cure = f"; images end in .{' .'.join(SUFFIXES)}" if unknown else ""
        return (
            f"{what} in {places} {'was' if count + links == 1 else 'were'} not looked at: "
            f"{', '.join(shown[:SHOWN])}{more}{cure}"
        )

    def _name(self, path: str) -> str:
        return repr(os.path.relpath(path, self.root) if path != self.root else path)


def scan(folder: str | Path) -> tuple[list[str], list[str]]:
    """Names of sub-folders, also linked ones, and of all else; sorted, without litter.

    Raises:
        OSError: It cannot be read.
    """
    folders, others = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_litter(entry.name):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:  # a link that leads to itself
                is_folder = False
            (folders if is_folder else others).append(entry.name)
    return sorted(folders), sorted(others)


def walk(folder: str, unseen: Unseen) -> Iterator[tuple[str, str]]:
    """All files below a folder as (their folder, path), in order of name, without litter.

    Args:
        folder: Where to begin; it may be a link.
        unseen: Counts links to folders below, which are not followed.

    Raises:
        OSError: A folder cannot be read.
    """
    folders, others = scan(folder)
    for name in others:
        yield folder, os.path.join(folder, name)
    for name in folders:
        path = os.path.join(folder, name)
        if os.path.islink(path):
            unseen.link(path)
        else:
            yield from walk(path, unseen)


def images_below(folder: str, unseen: Unseen) -> list[str]:
    """Paths of the images below a folder, at any depth; the rest is counted as unseen.

    Raises:
        OSError: A folder cannot be read.
    """
    found = []
    for _, path in walk(folder, unseen):
        if is_image_name(os.path.basename(path)):
            found.append(path)
        else:
            unseen.file(path)
    return found

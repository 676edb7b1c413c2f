"""Which images are for training, which for validation, which for the final test."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from paddle_alexnet.randomness import split_rng

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitRule:
    """How a folder of classes is split.

    Attributes:
        split: ``hash`` depends only on the file name: 10 % test, 10 % val. ``random`` draws a
            fraction of each class for val and leaves no test images.
        val_rate: That fraction, in (0, 1).
        seed: Seed of that draw.

    Raises:
        ValueError: A value is out of range or of another type.
    """

    split: str = "hash"
    val_rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in ("hash", "random"):
            raise ValueError(f"split must be hash or random, got {self.split!r}")
        if type(self.val_rate) not in (int, float) or not 0 < self.val_rate < 1:
            raise ValueError(f"val_rate must be between 0 and 1, got {self.val_rate!r}")
        if type(self.seed) is not int:
            raise ValueError(f"seed must be a whole number, got {self.seed!r}")

    def assign(self, class_name: str, names: Iterable[str]) -> dict[str, str]:
        """The split of each file of a class, by its path below the folder of the class.

        ``hash`` regards the base name with suffix, wherever below that folder the file is.
        """
        names = list(names)
        if self.split == "hash":
            return {name: hash_split(os.path.basename(name)) for name in names}
        val = draw_val(class_name, names, self.val_rate, self.seed)
        return {name: "val" if name in val else "train" for name in names}


def hash_split(name: str) -> str:
    """``test``, ``val`` or ``train`` by a file's base name: adding files moves no other file."""
    # SHA-1 distributes names evenly; no security depends on it.
    digest = hashlib.sha1(os.fsencode(name), usedforsecurity=False).hexdigest()
    percent = int(digest, 16) % 100
    return "test" if percent < 10 else "val" if percent < 20 else "train"


def draw_val(class_name: str, names: Iterable[str], val_rate: float, seed: int) -> set[str]:
    """Draw the val files of a class: count times ``val_rate``, rounded down, at least one.

    The draw depends only on the seed, the class and the names, not on other classes or on the
    order in which the system lists files.
    """
    ordered = sorted(names)
    count = max(1, int(len(ordered) * val_rate)) if len(ordered) > 1 else 0
    return set(split_rng(seed, class_name).sample(ordered, count))

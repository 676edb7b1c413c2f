"""Which pictures are for training, which for choosing, which for the final figure."""

import hashlib
import os
import random
from collections.abc import Iterable
from dataclasses import dataclass

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitRule:
    """How a folder of classes is divided.

    Attributes:
        split: ``hash`` looks at the file name alone: a tenth is test, a tenth val. ``random`` draws
            a share of each class for val and leaves no test pictures.
        val_rate: That share, in (0, 1).
        seed: Of that draw.

    Raises:
        ValueError: A value is not as described.
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
        """Give the split of each file of a class, by base name with suffix."""
        names = list(names)
        if self.split == "hash":
            return {name: hash_split(name) for name in names}
        val = draw_val(class_name, names, self.val_rate, self.seed)
        return {name: "val" if name in val else "train" for name in names}


def hash_split(name: str) -> str:
    """``test``, ``val`` or ``train`` by a file's base name: adding files moves none."""
    # SHA-1 spreads names evenly; nothing is secured by it.
    digest = hashlib.sha1(os.fsencode(name), usedforsecurity=False).hexdigest()
    share = int(digest, 16) % 100
    return "test" if share < 10 else "val" if share < 20 else "train"


def draw_val(class_name: str, names: Iterable[str], val_rate: float, seed: int) -> set[str]:
    """Draw the val files of a class: its count times ``val_rate``, rounded down, at least one.

    The draw depends on the seed, the class and the names, not on other classes or on the order in
    which the system lists files.
    """
    ordered = sorted(names)
    count = max(1, int(len(ordered) * val_rate)) if len(ordered) > 1 else 0
    # By bytes, which seed as their text does: a name need not be text.
    drawn = random.Random(f"{seed} {class_name}".encode("utf-8", "surrogatepass"))
    return set(drawn.sample(ordered, count))

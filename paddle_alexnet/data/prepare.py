"""Making the data of a configuration where it is missing."""

from pathlib import Path

from paddle_alexnet.data.archive import FLOWER_PHOTOS_ROOT, fetch_flower_photos
from paddle_alexnet.data.drawn import draw_folder


def prepare(root: str | Path, how: str) -> None:
    """Make ``root`` where there is nothing of that name.

    Args:
        root: The folder of data.
        how: ``none``; ``flower_photos`` to fetch the photos, only to ``data/flower_photos``, so
            that a slip in another path does not start a download; ``drawn_flowers`` to draw.

    Raises:
        DataError: It cannot be made.
    """
    if Path(root).exists():
        return
    if how == "flower_photos" and Path(root) == FLOWER_PHOTOS_ROOT:
        fetch_flower_photos(root)
    elif how == "drawn_flowers":
        draw_folder(root)

"""Dividing a folder of classes by copying it."""

import shutil
from pathlib import Path

from paddle_alexnet.data.folder import Listing, divided_folders, list_images
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.data.split import SplitRule
from paddle_alexnet.errors import ConfigError, DataError
from paddle_alexnet.storage.files import is_free, whole_folder


def copy_split(
    source: str | Path,
    target: str | Path,
    *,
    val_rate: float = 0.1,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> Listing:
    """Copy ``source/<class>/*`` to ``target/{train,val}/<class>/*``, with what licenses it.

    Args:
        source: Folder of classes.
        target: A folder that does not exist or is empty.
        val_rate: Share of each class for val, in (0, 1).
        seed: Of the draw.
        max_pixels: A larger picture is left out.

    Returns:
        What was copied, by its paths in ``source``.

    Raises:
        ConfigError: The rate is out of its range.
        DataError: ``source`` cannot be read or is divided already, or ``target`` is not empty or
            cannot be written; what was copied so far is taken away.
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
    if source.is_dir() and (parts := divided_folders(source)):
        raise DataError(f"{source} is divided already ({', '.join(parts)}): train from it as it is")
    done = list_images(source, rule, max_pixels)
    try:
        with whole_folder(target) as beside:
            for split, samples in done.splits.items():
                for path, label in samples:
                    folder = beside / split / done.classes[label]
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, folder)
            for license_file in source.glob("LICENSE*"):
                shutil.copy2(license_file, beside)
    except OSError as error:
        raise DataError(f"cannot copy to {target}: {error}") from error
    return done

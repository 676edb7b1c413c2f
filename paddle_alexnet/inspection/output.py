"""The folder that an inspection is written to: inspection.json and sheets as PNG."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import RunError
from paddle_alexnet.figures.captions import FontChooser
from paddle_alexnet.inspection.measure import Inspection
from paddle_alexnet.inspection.sheets import augmentation_sheet, class_sheet, near_duplicate_sheet
from paddle_alexnet.storage.files import is_free, whole_folder, write_text

JSON, CLASSES = "inspection.json", "classes"
AUGMENTATION, NEAR_DUPLICATES = "augmentation.png", "near_duplicates.png"


def check_output(path: str | Path, root: str | Path) -> None:
    """Check early that a folder can be made at ``path``.

    Raises:
        RunError: Something is there already, or it is ``root``, the images' folder, or within it.
    """
    path = Path(path)
    if path.resolve().is_relative_to(Path(root).resolve()):
        raise RunError(f"{path} lies within the images, {root}: name a folder outside")
    if not is_free(path):
        raise RunError(f"{path} is not an empty folder: it is left as it is; name another")


def write_inspection(
    path: str | Path, inspection: Inspection, config: Config, preprocessing: Preprocessing
) -> None:
    """Write ``inspection.json`` and sheets as PNG.

    ``classes/<label>_<name>.png``, ``augmentation.png`` where there are training images, and
    ``near_duplicates.png`` where there are some.

    Args:
        path: A folder that :func:`check_output` accepts; it is written whole or not at all.
        inspection: What was measured.
        config: All keys.
        preprocessing: Of the net.

    Raises:
        RunError: It cannot be written.
        DataError: An image cannot be decoded any more.
    """
    fonts = FontChooser()
    values = inspection.to_json(preprocessing.resize)
    images = inspection.images
    try:
        with whole_folder(path) as folder:
            write_text(folder / JSON, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
            (folder / CLASSES).mkdir()
            for label, places in enumerate(inspection.places()):
                if places:
                    short = re.sub(r"\W+", "_", images.classes[label])[:40]
                    sheet = class_sheet(images, places, fonts)
                    _save(sheet, folder / CLASSES / f"{label:04}_{short}.png")
            if inspection.duplicates.pairs:
                _save(near_duplicate_sheet(inspection, fonts), folder / NEAR_DUPLICATES)
            if len(inspection.readable.get("train", ())):
                train = images.splits["train"], inspection.readable["train"]
                sheet = augmentation_sheet(*train, config, preprocessing, fonts)
                _save(sheet, folder / AUGMENTATION)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error}") from error


def _save(sheet: np.ndarray, path: Path) -> None:
    Image.fromarray(sheet).save(path, "PNG")

"""Class names out of a file."""

from pathlib import Path

from paddle_alexnet.data.list_files import MAX_NAME
from paddle_alexnet.errors import DataError
from paddle_alexnet.printable import printable
from paddle_alexnet.storage.texts import parse_json, read_text


def read_class_names(path: str | Path) -> list[str]:
    """Class names in order of the logits.

    Args:
        path: A ``.json`` file as a run's class_index.json, ``{"0": "daisy", ...}``, or another
            with a name a line; empty lines are passed over.

    Raises:
        DataError: It cannot be read, is not as described, or names no class.
    """
    try:
        text = read_text(path)
        names = _of_index(text) if str(path).endswith(".json") else text.splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read class names from {path}: {printable(str(error), 200)}"
        ) from error
    names = [name.strip() for name in names if name.strip()]
    if not names:
        raise DataError(f"--classes: {path} names no class")
    if max(map(len, names)) > MAX_NAME:
        raise DataError(f"--classes: {path} has a name of over {MAX_NAME} characters")
    return names


def _of_index(text: str) -> list[str]:
    index = parse_json(text)
    wanted = [str(number) for number in range(len(index))] if isinstance(index, dict) else None
    if wanted is None or set(wanted) != index.keys():
        raise ValueError('expected {"0": NAME, "1": NAME, ...}')
    names = [index[number] for number in wanted]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("every name must be a text that is not empty")
    return names

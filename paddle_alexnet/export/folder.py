"""What lies in an export folder."""

import json
from dataclasses import dataclass
from pathlib import Path

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.weights import Description

DESCRIPTION = "alexnet.json"
KIND = "paddle-alexnet-export"
VERSION = 1
# The files of each format beside the description.
FILES = {"paddle": ("model.json", "model.pdiparams"), "onnx": ("model.onnx",)}


@dataclass(frozen=True)
class ExportFolder:
    """An export folder.

    Attributes:
        path: The folder.
        format: A key of :data:`FILES`.
        description: Classes and preprocessing. The mean image of its training set, if it had one,
            is part of the graph.
    """

    path: Path
    format: str
    description: Description

    @property
    def files(self) -> list[Path]:
        """The files of the format."""
        return [self.path / name for name in FILES[self.format]]

    def to_json(self) -> str:
        """The text of the description file."""
        content = {
            "kind": KIND,
            "version": VERSION,
            "format": self.format,
            "input": "images, uint8 RGB [N, S, S, 3], resized and cropped as preprocessing says",
            "output": "softmax scores, float32 [N, classes]",
            "metadata": self.description.metadata(),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def open(cls, path: str | Path) -> "ExportFolder":
        """Read the description of a folder.

        Raises:
            WeightsError: It is no export folder, one of another version, or not complete.
        """
        path = Path(path)
        source = path / DESCRIPTION
        try:
            content = json.loads(source.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise WeightsError(
                f"{path} is no export folder, it has no {DESCRIPTION}: tools/export.py makes one"
            ) from error
        except (OSError, ValueError) as error:
            raise WeightsError(f"{source} cannot be read: {error}") from error
        try:
            if content["kind"] != KIND:
                raise ValueError(f"its kind is {content['kind']!r}")
            if content["version"] != VERSION:
                raise WeightsError(
                    f"{path} is an export of version {content['version']}, this program reads "
                    f"version {VERSION}: export the weights again"
                )
            if content["format"] not in FILES:
                raise ValueError(f"its format is {content['format']!r}")
            folder = cls(path, content["format"], Description.parse(content["metadata"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{source} does not describe an export: {error!r}") from error
        missing = [file.name for file in folder.files if not file.is_file()]
        if missing:
            raise WeightsError(f"{path} lacks {', '.join(missing)}: export the weights again")
        return folder

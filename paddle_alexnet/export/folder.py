"""The description file of an export folder, and checksums of its files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.weights import Description
from paddle_alexnet.storage.files import parse_json, read_text

DESCRIPTION = "alexnet.json"
KIND = "paddle-alexnet-export"
VERSION = 1
BLOCK = 1 << 20  # bytes read at a time
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
        """The text of the description file, with checksums of the files, which must be there.

        Raises:
            OSError: A file cannot be read.
        """
        content = {
            "kind": KIND,
            "version": VERSION,
            "format": self.format,
            "input": "images, uint8 RGB [N, S, S, 3], resized and cropped as preprocessing says",
            "output": "softmax scores, float32 [N, classes]",
            "metadata": self.description.metadata(),
            "files": {file.name: _sha256(file) for file in self.files},
        }
        content["checksum"] = checksum(content)
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def open(cls, path: str | Path) -> "ExportFolder":
        """Read the description of a folder.

        Raises:
            WeightsError: It is not an export folder, is of another version or incomplete, or a
                file's checksum does not match.
        """
        path = Path(path)
        source = path / DESCRIPTION
        if path.is_file():
            raise WeightsError(
                f"{path} is a file: expected the folder that tools/export.py makes; the tools take "
                "weights with --weights"
            )
        try:
            content = parse_json(read_text(source))
        except FileNotFoundError as error:
            raise WeightsError(
                f"{path} is no export folder, it has no {DESCRIPTION}: tools/export.py makes one"
            ) from error
        except (OSError, ValueError) as error:
            raise WeightsError(f"{source} cannot be read: {str(error)[:200]!r}") from error
        try:
            if content["kind"] != KIND:
                raise ValueError(f"its kind is {content['kind']!r}")
            if content["version"] != VERSION:
                raise WeightsError(
                    f"{path} is an export of version {str(content['version'])[:100]!r}, this "
                    f"program reads version {VERSION}: export the weights again"
                )
            if content.pop("checksum", None) != checksum(content):
                raise WeightsError(
                    f"{source} is damaged, changed or of an early version: its content is not what "
                    "was written, by its checksum; export the weights again"
                )
            if content["format"] not in FILES:
                raise ValueError(f"its format is {content['format']!r}")
            folder = cls(path, content["format"], Description.parse(content["metadata"]))
            sums = dict(content["files"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise WeightsError(
                f"{source} does not describe an export: {repr(error)[:200]}"
            ) from error
        missing = [file.name for file in folder.files if not file.is_file()]
        if missing:
            raise WeightsError(f"{path} lacks {', '.join(missing)}: export the weights again")
        try:
            wrong = [file for file in folder.files if sums.get(file.name) != _sha256(file)]
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error}") from error
        if wrong:
            raise WeightsError(
                f"{wrong[0]} is damaged: its content is not what was written, by its checksum; "
                "export the weights again"
            )
        return folder


def checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of the other entries of a description file, independent of their order."""
    text = json.dumps(content, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(BLOCK):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"

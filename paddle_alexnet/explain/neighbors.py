"""The images whose features are nearest, as in the right half of the paper's Figure 4."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors

from paddle_alexnet.data.dataset import ImageDataset
from paddle_alexnet.data.transforms import resize
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import layer_features
from paddle_alexnet.storage.files import parse_strict
from paddle_alexnet.storage.tensors import open_tensors, write_tensors

FORMAT = "paddle-alexnet-index"
METRICS = ("cosine", "euclidean")
THUMBNAIL = 128  # pixels, the longest side at most
CHUNK = 2**22  # values of rows that are made float32 at once: 16 MB
BATCH = 32  # images that are computed at once


@dataclass(eq=False)
class FeatureIndex:
    """Features of images, with thumbnails; in memory, or mapped from a file.

    Attributes:
        features: float16 [N, D], or what gives rows of it as ``features[start:stop]``.
        thumbnails: JPEG files one after the other, uint8 [bytes], or a slice as for ``features``.
        ends: Where each thumbnail ends, int64 [N].
        labels: Index of each image's class, int64 [N].
        paths: What each image is called, [N].
        classes: Class names.
        layer: Of the net, whose features these are.
        checksum: Of the weights file, by which weights are told apart.
    """

    features: Any
    thumbnails: Any
    ends: np.ndarray
    labels: np.ndarray
    paths: list[str]
    classes: list[str]
    layer: str
    checksum: str

    def __len__(self) -> int:
        return len(self.paths)

    @classmethod
    def build(
        cls,
        classifier: Classifier,
        images: ImageDataset,
        layer: str,
        checksum: str,
        progress: Callable[[int], object] = lambda images: None,
    ) -> "FeatureIndex":
        """Compute the features of ``images``.

        Args:
            classifier: The net; it also says what an image becomes, and names the classes.
            images: At least one; labels are of the classifier's classes.
            layer: Name of a part of the net.
            checksum: Of the weights: :func:`paddle_alexnet.storage.tensors.stated_checksum`.
            progress: Called with the number of images since the last call.

        Raises:
            ConfigError: The net has no such layer.
            DataError: An image cannot be read.
            WeightsError: A feature is not finite in float16.
        """
        rows, thumbnails = [], []
        for start in range(0, len(images), BATCH):
            batch = range(start, min(start + BATCH, len(images)))
            inputs = np.stack([classifier.preprocessing(images.image(index)) for index in batch])
            with np.errstate(over="ignore"):
                rows.append(layer_features(classifier, inputs, layer).astype(np.float16))
            thumbnails += [encode_thumbnail(image) for image in inputs]
            progress(len(batch))
        features = np.concatenate(rows)
        if not np.isfinite(features).all():
            raise WeightsError(
                f"{layer} gives features that are not finite in float16: choose another layer, or "
                "weights of a run that did not diverge"
            )
        return cls(
            features,
            np.frombuffer(b"".join(thumbnails), np.uint8),
            np.cumsum([len(data) for data in thumbnails]),
            np.array([images.label(index) for index in range(len(images))], np.int64),
            # Names that are not UTF-8 become escapes.
            [
                os.fsencode(images.name(i)).decode("utf-8", "backslashreplace")
                for i in range(len(images))
            ],
            list(classifier.classes),
            layer,
            checksum,
        )

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, for :meth:`open`.

        Raises:
            RunError: It cannot be written.
        """
        head = {"paths": self.paths, "labels": self.labels.tolist(), "classes": self.classes}
        texts = {key: json.dumps(value) for key, value in head.items()}
        write_tensors(
            path,
            {"features": self.features, "thumbnails": self.thumbnails, "ends": self.ends},
            {"format": FORMAT, "layer": self.layer, "weights": self.checksum, **texts},
        )

    @classmethod
    def open(cls, path: str | Path) -> "FeatureIndex":
        """Map what :meth:`save` wrote into memory; rows are read as they are needed.

        Raises:
            DataError: There is no such file, or it is no index.
        """
        if not Path(path).is_file():
            raise DataError(f"there is no index {path}: tools/neighbors.py --build makes one")
        try:
            file = open_tensors(path)
            texts = file.metadata() or {}
            if texts.get("format") != FORMAT:
                raise ValueError("its metadata does not say that it is one")
            features, thumbnails = file.get_slice("features"), file.get_slice("thumbnails")
            index = cls(
                features,
                thumbnails,
                file.get_tensor("ends"),
                np.array(parse_strict(list[int], texts["labels"]), np.int64),
                parse_strict(list[str], texts["paths"]),
                parse_strict(list[str], texts["classes"]),
                texts["layer"],
                texts["weights"],
            )
            index._check(features.get_dtype(), features.get_shape(), thumbnails.get_shape())
            return index
        except (
            WeightsError,
            ValueError,
            TypeError,
            KeyError,
            safetensors.SafetensorError,
        ) as error:
            raise DataError(
                f"{path} is no index of images ({error}): make it anew with tools/neighbors.py "
                "--build"
            ) from error

    def _check(self, dtype: str, shape: Sequence[int], thumbnails: Sequence[int]) -> None:
        """Raises ValueError where parts of a file do not belong together."""
        count = len(self)
        if dtype != "F16" or len(shape) != 2 or shape[0] != count or not count:
            raise ValueError(f"features are {dtype} {list(shape)}, of {count} images")
        if (
            self.labels.shape != (count,)
            or not np.isin(self.labels, range(len(self.classes))).all()
        ):
            raise ValueError("labels are not one of the classes for each image")
        lengths = np.diff(self.ends, prepend=0)
        if lengths.shape != (count,) or lengths.min() < 1 or [self.ends[-1]] != list(thumbnails):
            raise ValueError("thumbnails are not one for each image")

    def check(self, checksum: str) -> None:
        """Refuse features of other weights.

        Args:
            checksum: Of the weights in use.

        Raises:
            WeightsError: The index was made with others.
        """
        if checksum != self.checksum:
            raise WeightsError(
                f"the index was made with other weights ({self.checksum[:15]}..., in use are "
                f"{checksum[:15]}...): make it anew with tools/neighbors.py --build"
            )

    def thumbnail(self, index: int) -> bytes:
        """An image as the net saw it, at most 128 pixels wide, as a JPEG file."""
        start = int(self.ends[index - 1]) if index else 0
        return self.thumbnails[start : int(self.ends[index])].tobytes()

    def nearest(
        self, features: np.ndarray, k: int, metric: str = "cosine"
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images with the nearest features, by comparison with all.

        Args:
            features: float [Q, D].
            k: Images for each row, >= 1; at most as many as there are.
            metric: ``cosine`` (1 minus the cosine of the angle, in [0, 2]; 1 where one has only
                zeros) or ``euclidean`` (from 0 on).

        Returns:
            Indices int64 [Q, k], the nearest first, and their distances, float32 [Q, k].

        Raises:
            ConfigError: ``metric`` is not known, or D is not that of the index.
        """
        if metric not in METRICS:
            raise ConfigError(f"unknown metric {metric!r}: choose {', '.join(METRICS)}")
        queries = np.asarray(features, np.float32)
        width = self._rows(0, 1).shape[1]
        if queries.shape[1:] != (width,):
            raise ConfigError(
                f"the index holds {width:,} features an image, got {list(queries.shape[1:])}: both "
                f"must be of {self.layer}"
            )
        k = min(k, len(self))
        indices = np.zeros((len(queries), 0), np.int64)
        distances = np.zeros((len(queries), 0), np.float32)
        step = max(1, CHUNK // width)
        for start in range(0, len(self), step):
            rows = self._rows(start, start + step)
            found = _distances(queries, rows, metric)
            # The nearest of this chunk and of those before.
            distances = np.concatenate([distances, found], axis=1)
            numbers = np.broadcast_to(np.arange(start, start + len(rows)), found.shape)
            indices = np.concatenate([indices, numbers], axis=1)
            kept = np.argpartition(distances, min(k, distances.shape[1]) - 1, axis=1)[:, :k]
            distances = np.take_along_axis(distances, kept, axis=1)
            indices = np.take_along_axis(indices, kept, axis=1)
        # Squares of float32 lose the digits of small distances: again for the few, in float64.
        for place, query in enumerate(queries.astype(np.float64)):
            rows = np.concatenate([self._rows(i, i + 1) for i in indices[place]])
            exact = _distances(query[None], rows.astype(np.float64), metric)[0]
            order = np.lexsort([indices[place], exact])
            indices[place], distances[place] = indices[place][order], exact[order]
        return indices, distances

    def _rows(self, start: int, stop: int) -> np.ndarray:
        """float32 [n, D]."""
        return self.features[start : min(stop, len(self))].astype(np.float32)


def _distances(queries: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    """All distances [Q, n], of the dtype of the arguments."""
    products = queries @ rows.T
    squares = [np.einsum("ij,ij->i", part, part) for part in (queries, rows)]
    if metric == "cosine":
        norms = np.sqrt(np.multiply.outer(*squares))
        return 1 - products / np.maximum(norms, np.finfo(norms.dtype).tiny)
    return np.sqrt(np.maximum(0, np.add.outer(*squares) - 2 * products))


def encode_thumbnail(image: np.ndarray) -> bytes:
    """A JPEG file of an image, uint8 RGB [H, W, 3], made small."""
    scale = min(1.0, THUMBNAIL / max(image.shape[:2]))
    small = resize(image, *(max(1, round(side * scale)) for side in image.shape[:2]))
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return data.tobytes()

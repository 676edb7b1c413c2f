"""The images whose features are nearest, as in the right half of the paper's Figure 4."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from paddle_alexnet.data.dataset import ImageDataset
from paddle_alexnet.data.decode import Unreadable, decode_image
from paddle_alexnet.data.transforms import resize
from paddle_alexnet.errors import ConfigError, DataError, WeightsError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import layer_features
from paddle_alexnet.storage.files import parse_strict
from paddle_alexnet.storage.tensors import map_tensors, write_tensors

FORMAT = "paddle-alexnet-index"
METRICS = ("cosine", "euclidean")
THUMBNAIL = 192  # pixels, the longest side at most
CHUNK = 2**18  # values that are made float32 at once: 1 MB, which stays in a processor's cache
QUERIES = 64  # rows that are searched for at once
BATCH = 32  # images that are computed at once


@dataclass(eq=False)
class FeatureIndex:
    """Features of images, with thumbnails; in memory, or mapped from a file.

    Attributes:
        features: float16 [N, D].
        thumbnails: JPEG files one after the other, uint8 [bytes].
        ends: Where each thumbnail ends, int64 [N].
        labels: Index of each image's class, int64 [N].
        paths: What each image is called, [N].
        classes: Class names.
        layer: Of the net, whose features these are.
        checksum: Of the weights file, by which weights are told apart.
    """

    features: np.ndarray
    thumbnails: np.ndarray
    ends: np.ndarray
    labels: np.ndarray
    paths: list[str]
    classes: list[str]
    layer: str
    checksum: str

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
            thumbnails += [_thumbnail(image) for image in inputs]
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
            DataError: The file is missing, or is not an index.
        """
        if not Path(path).is_file():
            raise DataError(f"there is no index {path}: tools/neighbors.py --build makes one")
        try:
            arrays, texts = map_tensors(path)
            if texts.get("format") != FORMAT:
                raise ValueError("its metadata does not say that it is one")
            labels = np.array(parse_strict(list[int], texts["labels"]), np.int64)
            names = [parse_strict(list[str], texts[key]) for key in ("paths", "classes")]
            parts = [arrays[name] for name in ("features", "thumbnails", "ends")]
            index = cls(*parts, labels, *names, texts["layer"], texts["weights"])
            index._check()
            return index
        except (WeightsError, ValueError, KeyError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else error
            raise DataError(
                f"{path} is no index of images ({reason}): name another file, or remove this one "
                "and make it with tools/neighbors.py --build"
            ) from error

    def _check(self) -> None:
        """Raises ValueError where parts of a file do not belong together."""
        count = len(self.paths)
        shape, dtype = self.features.shape, self.features.dtype
        if dtype != np.float16 or len(shape) != 2 or shape[0] != count or not self.features.size:
            raise ValueError(f"features are {dtype} {list(shape)}, of {count} images")
        if len(self.labels) != count or not np.isin(self.labels, range(len(self.classes))).all():
            raise ValueError("labels are not one of the classes for each image")
        lengths = np.diff(self.ends, prepend=0)
        total = (self.thumbnails.dtype, self.thumbnails.shape)
        if lengths.shape != (count,) or lengths.min() < 1 or total != (np.uint8, (self.ends[-1],)):
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
        """An image as the net saw it, at most 192 pixels wide, as a JPEG file."""
        start = int(self.ends[index - 1]) if index else 0
        return self.thumbnails[start : int(self.ends[index])].tobytes()

    def picture(self, index: int) -> np.ndarray:
        """The thumbnail as an image, uint8 RGB [H, W, 3].

        Raises:
            DataError: It cannot be decoded.
        """
        try:
            return decode_image(self.thumbnail(index))
        except Unreadable as error:
            raise DataError(
                f"the index is damaged: the thumbnail of {self.paths[index]!r}: {error}"
            ) from error

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
        if features.shape[1:] != self.features.shape[1:]:
            raise ConfigError(
                f"the index holds {self.features.shape[1]:,} features an image, got "
                f"{list(features.shape[1:])}: both must be of {self.layer}"
            )
        k = min(k, len(self.paths))
        found = [
            self._nearest(features[start : start + QUERIES].astype(np.float32), k, metric)
            for start in range(0, len(features), QUERIES)
        ]
        indices, distances = zip(*found, strict=True)
        return np.concatenate(indices), np.concatenate(distances)

    def _nearest(self, queries: np.ndarray, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
        count, width = self.features.shape
        distances = np.empty((len(queries), count), np.float32)
        step = max(1, CHUNK // width)
        # Each product is small: several threads would mostly wait for each other.
        with threadpool_limits(1, "blas"):
            for start in range(0, count, step):
                rows = _widen(self.features[start : start + step])
                distances[:, start : start + step] = _distances(queries, rows, metric)
        # Squares of float32 lose the digits of small distances, so that near-duplicates come in any
        # order: some more are taken, and compared again in float64. Among more near-duplicates than
        # these, some that are as near to float32 may be left out.
        few = min(count, 4 * k + 32)
        indices = np.argpartition(distances, few - 1, axis=1)[:, :few]
        exact = np.stack(
            [
                _distances(query[None], self.features[near].astype(np.float64), metric)[0]
                for query, near in zip(queries.astype(np.float64), indices, strict=True)
            ]
        )
        order = np.lexsort([indices, exact])[:, :k]
        return (
            np.take_along_axis(indices, order, axis=1),
            np.take_along_axis(exact, order, axis=1).astype(np.float32),
        )


def _widen(rows: np.ndarray) -> np.ndarray:
    """From finite float16 to float32, exactly.

    By moving exponent and fraction to their places, and a product for the exponents' difference of
    112: NumPy's own way takes five times as long, and would be most of a search (measured).
    """
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(~0x70000000)  # copies of the sign
    values = bits.view(np.float32)
    values *= np.float32(2.0**112)
    return values


def _distances(queries: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    """All distances [Q, n], of the dtype of the arguments."""
    products = queries @ rows.T
    squares = [np.einsum("ij,ij->i", part, part) for part in (queries, rows)]
    if metric == "cosine":
        norms = np.sqrt(np.multiply.outer(*squares))
        return 1 - products / np.maximum(norms, np.finfo(norms.dtype).tiny)
    return np.sqrt(np.maximum(0, np.add.outer(*squares) - 2 * products))


def _thumbnail(image: np.ndarray) -> bytes:
    """A JPEG file of an image, uint8 RGB [H, W, 3], made small."""
    scale = min(1.0, THUMBNAIL / max(image.shape[:2]))
    small = resize(image, *(max(1, round(side * scale)) for side in image.shape[:2]))
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return data.tobytes()

"""What the page shows beside scores: a heat map, and the nearest images of an index."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.explain.heat_maps import feature_layers, grad_cam
from paddle_alexnet.explain.neighbors import FeatureIndex
from paddle_alexnet.figures.heat import overlay
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import layer_features
from paddle_alexnet.inference.predict import Prediction, best_classes
from paddle_alexnet.storage.tensors import stated_checksum

NEIGHBORS = 6


@dataclass(frozen=True)
class HeatMap:
    """Grad-CAM of the best class over the image as the net saw it.

    Attributes:
        layer: The layer whose feature maps it adds.
        class_id: The class that it is of.
        image: PNG as a data URI.
    """

    layer: str
    class_id: int
    image: str


@dataclass(frozen=True)
class Neighbor:
    """An image of the index.

    Attributes:
        label_name: Its class.
        distance: Cosine distance of the features, in [0, 2].
        thumbnail: JPEG as a data URI.
    """

    label_name: str
    distance: float
    thumbnail: str


@dataclass(frozen=True)
class Explanation:
    """All that the page shows of one image.

    Attributes:
        prediction: As tools/infer.py gives it.
        heat_map: Of the best class.
        neighbors: The nearest first; empty without an index.
    """

    prediction: Prediction
    heat_map: HeatMap
    neighbors: list[Neighbor]


class Explainer:
    """Explains what a net makes of an image; not for two threads at once.

    Args:
        classifier: The net.
        topk: Classes of a prediction.
        layer: Of the heat map; None for the last with feature maps.
        index: Images to compare with, or None.

    Raises:
        ConfigError: The net has no such layer.
        WeightsError: The net has no feature maps.
    """

    def __init__(
        self,
        classifier: Classifier,
        topk: int,
        layer: str | None = None,
        index: FeatureIndex | None = None,
    ) -> None:
        layers = feature_layers(classifier.net)
        if not layers:
            raise WeightsError("this net has no feature maps, so there is no heat map of it")
        self.classifier, self.topk, self.index = classifier, topk, index
        self.layer = layers[-1] if layer is None else layer
        size = classifier.preprocessing.input_size
        self(np.zeros((size, size, 3), np.uint8), "")  # refuses a layer or an index that fits not

    def __call__(self, image: np.ndarray, name: str) -> Explanation:
        """Explain a preprocessed image, uint8 [S, S, 3]."""
        inputs = image[None]
        row = self.classifier.finite_scores(inputs)[0]
        prediction = best_classes(name, row, self.classifier.classes, self.topk)
        best = prediction.class_ids[0]
        (heat,) = grad_cam(
            self.classifier.net, self.classifier.normalize, inputs, self.layer, [best]
        )
        heat_map = HeatMap(self.layer, best, _png(overlay(image, heat)))
        return Explanation(prediction, heat_map, self._neighbors(inputs))

    def _neighbors(self, inputs: np.ndarray) -> list[Neighbor]:
        if self.index is None:
            return []
        features = layer_features(self.classifier, inputs, self.index.layer)
        indices, distances = self.index.nearest(features, NEIGHBORS)
        return [
            Neighbor(
                self.index.classes[self.index.labels[i]],
                float(distance),
                _data_uri("jpeg", self.index.thumbnail(int(i))),
            )
            for i, distance in zip(indices[0], distances[0], strict=True)
        ]


def open_index(path: str | Path, weights: str | Path) -> FeatureIndex:
    """Open an index that was made with these weights.

    Raises:
        DataError: It is no index.
        WeightsError: It was made with other weights.
    """
    index = FeatureIndex.open(path)
    index.check(stated_checksum(weights))
    return index


def _png(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return _data_uri("png", buffer.getvalue())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

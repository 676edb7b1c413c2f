"""Classify images with a net and its preprocessing, class names and normalisation."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.nets.layers import Normalize
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description, check_classes, load_arrays, read_weights


class ImageClassifier(ABC):
    """Scores for images of any size.

    Args:
        description: Classes and preprocessing.
    """

    def __init__(self, description: Description) -> None:
        self.description = description

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in order of the scores."""
        return self.description.classes

    @property
    def preprocessing(self) -> Preprocessing:
        """Resizing and cropping from an image to the net's input."""
        return self.description.preprocessing

    def scores(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Softmax scores float32 [N, classes] of uint8 RGB images of any size.

        Raises:
            WeightsError: A score is not finite.
        """
        return self.finite_scores(np.stack([self.preprocessing(image) for image in images]))

    def finite_scores(self, inputs: np.ndarray) -> np.ndarray:
        """As :meth:`scores`, of preprocessed images uint8 [N, S, S, 3]."""
        scores = self.scores_of_inputs(inputs)
        if not np.isfinite(scores).all():
            raise WeightsError(
                "the net gives scores that are not finite numbers: its weights are of a run that "
                "diverged, or damaged"
            )
        return scores

    @abstractmethod
    def scores_of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """As :meth:`finite_scores`, not checked."""


class Classifier(ImageClassifier):
    """A net run by Paddle in dynamic mode.

    Args:
        net: Gives logits [N, len(description.classes)].
        description: Classes and preprocessing.
    """

    def __init__(self, net: nn.Layer, description: Description) -> None:
        super().__init__(description)
        self.net = net
        self.normalize = Normalize(description.mean, description.preprocessing.std)

    @classmethod
    def load(cls, path: str | Path) -> "Classifier":
        """Read a weights file, which describes its net, classes and preprocessing.

        Raises:
            WeightsError: The file is missing, damaged, or of an unknown net.
        """
        arrays, description = read_weights(path)
        if description.architecture not in MODELS:
            raise WeightsError(
                f"{path} is of architecture {description.architecture[:100]!r}; this "
                "version knows: " + ", ".join(MODELS)
            )
        size = description.preprocessing.input_size
        side = MODELS[description.architecture].preprocessing.input_size
        if size != side:
            raise WeightsError(
                f"{path} says that images of {size} pixels go in, but {description.architecture} "
                f"takes {side}"
            )
        check_classes(arrays, description, path)
        try:
            net = build_model(
                description.architecture,
                len(description.classes),
                lrn="fused",
                width=description.width,
                changes=description.changes,
                blank=True,
            )
        except ValueError as error:
            raise WeightsError(
                f"{path} describes a net that this version lacks: {error}"
            ) from error
        load_arrays(net, arrays, path)
        net.eval()
        return cls(net, description)

    @paddle.no_grad()
    def scores_of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """As :meth:`scores`, of preprocessed images uint8 [N, S, S, 3]. Leaves the net's mode."""
        was_training = self.net.training
        self.net.eval()
        try:
            return F.softmax(self.net(self.normalize(paddle.to_tensor(inputs))), axis=1).numpy()
        finally:
            if was_training:
                self.net.train()

"""What a layer inside a net gives for images: the features of its last hidden layer, for one."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.inference.classifier import Classifier


def last_block(net: nn.Layer) -> str:
    """Name of the last part of ``net`` with weights before its head: block7 of AlexNet."""
    return [name for name, part in net.named_children() if part.parameters()][-2]


def check_layer(layer: str, known: Sequence[str], what: str) -> None:
    """Refuse a layer's name that is not among the ``known``; ``what`` says what these are.

    Raises:
        ConfigError: It is not.
    """
    if layer not in known:
        raise ConfigError(
            f"{layer[:100]!r} is none of the net's {what}: choose {', '.join(known) or 'none'}"
        )


def layer_features(classifier: Classifier, inputs: np.ndarray, layer: str) -> np.ndarray:
    """What a layer gives for images, without dropout.

    Args:
        classifier: The net.
        inputs: Preprocessed images, uint8 [N, S, S, 3].
        layer: Name of a part of the net.

    Returns:
        float32 [N, D]; feature maps are flattened.

    Raises:
        ConfigError: The net has no such layer.
    """
    check_layer(layer, [name for name, _ in classifier.net.named_children()], "layers")
    with captured_features(classifier.net, layer, set(range(len(inputs)))) as rows:
        classifier.scores_of_inputs(inputs)
    return np.concatenate(rows)


@contextlib.contextmanager
def captured_features(net: nn.Layer, layer: str, images: set[int]) -> Iterator[list[np.ndarray]]:
    """While the block runs, keep what ``layer`` gives for some images of those that pass the net.

    Args:
        net: The net.
        layer: Name of a part of it.
        images: Which to keep, by their number among those that pass.

    Yields:
        Rows float32 [n, D], one array for each batch that holds some; complete at the end.
    """
    kept: list[np.ndarray] = []
    seen = 0

    def keep(layer: nn.Layer, inputs: object, output: paddle.Tensor) -> None:
        nonlocal seen
        rows = [i for i in range(len(output)) if seen + i in images]
        seen += len(output)
        if rows:
            kept.append(output.flatten(1).numpy()[rows])

    hook = getattr(net, layer).register_forward_post_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()

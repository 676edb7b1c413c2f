"""What a layer inside a net gives for images: the features of its last hidden layer, for one."""

import contextlib
from collections.abc import Iterator

import numpy as np
import paddle
from paddle import nn


def last_block(net: nn.Layer) -> str:
    """Name of the last part of ``net`` with weights before its head: block7 of AlexNet."""
    return [name for name, part in net.named_children() if part.parameters()][-2]


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

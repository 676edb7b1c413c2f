"""What a net's blocks hold: weights, gradients, activations, and ReLUs that are never active."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

# Values that are kept of a block's weights, gradients or activations: a histogram needs no more,
# and fc6 alone has 37.7 million weights.
SAMPLED = 100_000


@dataclass(frozen=True)
class BlockStatistics:
    """Of one block.

    Attributes:
        weights: A sample of all weights, without biases, float32 [at most SAMPLED].
        gradients: A sample of their gradients.
        activations: A sample of the block's outputs.
        dead: Fraction of the units of its ReLUs that are 0 for every image; None without a ReLU.
    """

    weights: np.ndarray
    gradients: np.ndarray
    activations: np.ndarray
    dead: float | None


def measure_blocks(
    net: nn.Layer, inputs: paddle.Tensor, labels: paddle.Tensor, batch_size: int
) -> dict[str, BlockStatistics]:
    """Measure the blocks of a net in evaluation mode, on a fixed sample of images.

    Args:
        net: Gives logits; its mode, and the gradients of its parameters, are left as they are.
        inputs: Normalised, [N, 3, S, S].
        labels: int64 [N].
        batch_size: Images that are computed at once, as training does.

    Returns:
        By name, of the blocks that have weights: block1 ... out_fc. Gradients are of the mean
        cross-entropy over the images.
    """
    blocks = {name: layer for name, layer in net.named_children() if layer.parameters()}
    weights = {name: _weights(layer) for name, layer in blocks.items()}
    flat = [weight for part in weights.values() for weight in part]
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in blocks}
    silent: dict[str, list[paddle.Tensor]] = {name: [] for name in blocks}
    share = math.ceil(len(labels) / batch_size)  # each batch gives its part of a sample

    def keep(name: str, layer: nn.Layer, inputs: object, output: paddle.Tensor) -> None:
        outputs[name].append(_sample(output, SAMPLED // share))

    def find_silent(name: str, layer: nn.Layer, inputs: object, output: paddle.Tensor) -> None:
        silent[name].append((output == 0).all(axis=0).flatten())

    hooks = []
    for name, block in blocks.items():
        hooks.append(block.register_forward_post_hook(functools.partial(keep, name)))
        for layer in block.sublayers():
            if isinstance(layer, nn.ReLU):
                hooks.append(layer.register_forward_post_hook(functools.partial(find_silent, name)))
    gradients = [paddle.zeros_like(weight) for weight in flat]
    was_training = net.training
    net.eval()
    try:
        for start in range(0, len(labels), batch_size):
            part = slice(start, start + batch_size)
            loss = F.cross_entropy(net(inputs[part]), labels[part], reduction="sum") / len(labels)
            for total, gradient in zip(gradients, paddle.grad(loss, flat), strict=True):
                total.add_(gradient)
    finally:
        for hook in hooks:
            hook.remove()
        if was_training:
            net.train()
    of_flat = iter(gradients)
    return {
        name: BlockStatistics(
            weights=_samples(weights[name]),
            gradients=_samples([next(of_flat) for _ in weights[name]]),
            activations=np.concatenate(outputs[name]),
            dead=_dead(silent[name], len(outputs[name])),
        )
        for name in blocks
    }


def _weights(block: nn.Layer) -> list[paddle.Tensor]:
    layers: Iterator[nn.Layer] = iter(block.sublayers(include_self=True))
    return [layer.weight for layer in layers if getattr(layer, "weight", None) is not None]


def _samples(tensors: list[paddle.Tensor]) -> np.ndarray:
    return np.concatenate([_sample(tensor, SAMPLED // len(tensors)) for tensor in tensors])


def _sample(tensor: paddle.Tensor, most: int) -> np.ndarray:
    """Every n-th value; n is odd, so that it does not meet one column of a layer alone."""
    flat = tensor.detach().flatten()
    step = math.ceil(len(flat) / max(1, most)) | 1
    return flat[:: step if len(flat) > most else 1].numpy()


def _dead(silent: list[paddle.Tensor], batches: int) -> float | None:
    """The fraction of units that are silent in every batch."""
    if not silent:
        return None
    relus = len(silent) // batches
    units = [paddle.concat(silent[i * relus : (i + 1) * relus]) for i in range(batches)]
    return float(paddle.stack(units).all(axis=0).astype("float64").mean())

"""How weights start. The choice decides whether training starts at all."""

import math
from collections.abc import Callable

import numpy as np
import paddle
from paddle import nn

# The paper, section 5: bias 1 in the second, fourth and fifth convolution and in the hidden
# fully-connected layers, so that their ReLUs start with positive input; 0 in the others.
PAPER_UNIT_BIASES = frozenset({"conv2", "conv4", "conv5", "fc6", "fc7"})


def weighted_layers(net: nn.Layer) -> list[tuple[str, nn.Layer]]:
    """The layers with weights in order of depth, by the paper's names: conv1 ... conv5, fc6 ...

    Works on any net that registers its layers in the order of the forward pass.
    """
    layers = [x for x in net.sublayers() if isinstance(x, nn.Conv2D | nn.Linear)]
    return [
        (f"{'conv' if isinstance(layer, nn.Conv2D) else 'fc'}{depth}", layer)
        for depth, layer in enumerate(layers, start=1)
    ]


def fan_in(layer: nn.Layer) -> int:
    """Inputs summed into one output: channels of one group times the kernel, or features."""
    shape = layer.weight.shape
    # Conv2D weights are [out, in / groups, kh, kw], Linear weights [in, out].
    return int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]


def _he(name: str, layer: nn.Layer) -> tuple[float, float]:
    """He et al. 2015 (arXiv 1502.01852), equation 10: keeps the variance through ReLUs."""
    return math.sqrt(2.0 / fan_in(layer)), 0.0


def _paper(name: str, layer: nn.Layer) -> tuple[float, float]:
    """The paper, section 5: N(0, 0.01) everywhere. Made for pixels 0..255; see the README."""
    return 0.01, 1.0 if name in PAPER_UNIT_BIASES else 0.0


# Each rule maps (layer name, layer) to (standard deviation of the weights, value of the biases).
INITS: dict[str, Callable[[str, nn.Layer], tuple[float, float]]] = {"he": _he, "paper": _paper}


def initialize(net: nn.Layer, init: str) -> None:
    """Draw the weights of ``net`` in place from Paddle's generator (``paddle.seed``).

    Args:
        net: Layers as :func:`weighted_layers` finds them.
        init: A key of :data:`INITS`.

    Raises:
        ValueError: ``init`` is not known.
    """
    if init not in INITS:
        raise ValueError(f"unknown init {init!r}: choose one of {', '.join(INITS)}")
    for name, layer in weighted_layers(net):
        std, bias = INITS[init](name, layer)
        with paddle.no_grad():
            nn.initializer.Normal(0.0, std)(layer.weight)
            nn.initializer.Constant(bias)(layer.bias)

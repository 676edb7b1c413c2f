"""Initial weights. The choice decides whether training starts at all (docs/init.md)."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn

logger = logging.getLogger(__name__)

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


def fan_out(layer: nn.Layer) -> int:
    """Outputs that one input goes to: output channels times the kernel, or features.

    For groups this is torch's count, which takes all output channels.
    """
    shape = layer.weight.shape
    return shape[0] * int(np.prod(shape[2:])) if len(shape) == 4 else shape[1]


# Initializers of a layer's weights and biases.
Initial = tuple[nn.initializer.Initializer, nn.initializer.Initializer]


@dataclass(frozen=True)
class Place:
    """A layer with weights in its net.

    Attributes:
        name: conv1, conv2, ..., fc6: kind and depth.
        layer: The layer.
        is_head: Whether it gives the logits; no ReLU follows it.
        hidden_bias: Of the net: value of the biases that the paper sets to 1, with ``caffe``.
    """

    name: str
    layer: nn.Layer
    is_head: bool
    hidden_bias: float


Rule = Callable[[Place], Initial]


def _normal(std: float, bias: float) -> Initial:
    return nn.initializer.Normal(0.0, std), nn.initializer.Constant(bias)


def _he(place: Place) -> Initial:
    """He et al. 2015 (arXiv 1502.01852), equation 10: keeps the variance through ReLUs."""
    return _normal(math.sqrt(2.0 / fan_in(place.layer)), 0.0)


def _he_small_head(place: Place) -> Initial:
    """He, but the paper's N(0, 0.01) in the head, which no ReLU follows: the first loss is near ln C.

    With He's rule there the first answers are confident and wrong, and take an epoch to unlearn.
    """
    return _normal(0.01, 0.0) if place.is_head else _he(place)


def _paper(place: Place) -> Initial:
    """The paper, section 5: N(0, 0.01) everywhere. Made for pixels 0..255; see docs/init.md."""
    return _normal(0.01, _unit_bias(place))


def _krizhevsky2012(place: Place) -> Initial:
    """Run #145: as the paper, but N(0, 0.03) in conv3 to conv5."""
    std = 0.03 if place.name in ("conv3", "conv4", "conv5") else 0.01
    return _normal(std, _unit_bias(place))


def _caffe(place: Place) -> Initial:
    """Caffe: N(0, 0.005) in fc6 and fc7; biases of 0.1 (AlexNet) or 1 (CaffeNet)."""
    std = 0.005 if place.name in ("fc6", "fc7") else 0.01
    return _normal(std, _unit_bias(place) * place.hidden_bias)


def _kaiming_pad2(place: Place) -> Initial:
    """alexnet_pad2's article: He by outputs in convolutions; N(0, 0.01), bias 1 in linear layers."""
    if isinstance(place.layer, nn.Linear):
        return _normal(0.01, 1.0)
    return _normal(math.sqrt(2.0 / fan_out(place.layer)), _unit_bias(place))


def _torch(place: Place) -> Initial:
    """PyTorch's default, so torchvision's: U(+-1 / sqrt(fan_in)), biases too."""
    bound = 1 / math.sqrt(fan_in(place.layer))
    return nn.initializer.Uniform(-bound, bound), nn.initializer.Uniform(-bound, bound)


def _unit_bias(place: Place) -> float:
    return 1.0 if place.name in PAPER_UNIT_BIASES else 0.0


INITS: dict[str, Rule] = {
    "he": _he,
    "he_small_head": _he_small_head,
    "paper": _paper,
    "krizhevsky2012": _krizhevsky2012,
    "caffe": _caffe,
    "kaiming_pad2": _kaiming_pad2,
    "torch": _torch,
}


RENAMED = {"kaiming_seed002": "kaiming_pad2"}  # names of before, which are still read


def initialize(net: nn.Layer, init: str, *, hidden_bias: float = 1.0) -> None:
    """Draw the weights of ``net`` in place from Paddle's generator (``paddle.seed``).

    Args:
        net: Layers as :func:`weighted_layers` finds them; the last is the head.
        init: A key of :data:`INITS`.
        hidden_bias: With ``caffe``, the value of the biases that the paper sets to 1.

    Raises:
        ValueError: ``init`` is not known.
    """
    if init in RENAMED:
        logger.info("init %s is called %s now", init, RENAMED[init])
        init = RENAMED[init]
    if init not in INITS:
        raise ValueError(f"unknown init {init!r}: choose one of {', '.join(INITS)}")
    layers = weighted_layers(net)
    for name, layer in layers:
        place = Place(name, layer, layer is layers[-1][1], hidden_bias)
        weights, biases = INITS[init](place)
        with paddle.no_grad():
            weights(layer.weight)
            biases(layer.bias)

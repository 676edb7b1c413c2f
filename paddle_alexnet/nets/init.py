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


def fan_out(layer: nn.Layer) -> int:
    """Outputs that one input goes to: output channels times the kernel, or features.

    For groups this is torch's count, which takes all output channels.
    """
    shape = layer.weight.shape
    return shape[0] * int(np.prod(shape[2:])) if len(shape) == 4 else shape[1]


# A rule gives the initializers of a layer's weights and biases. It is told the layer's name, the
# layer, and what Caffe's nets start the paper's unit biases at.
Start = tuple[nn.initializer.Initializer, nn.initializer.Initializer]
Rule = Callable[[str, nn.Layer, float], Start]


def _normal(std: float, bias: float) -> Start:
    return nn.initializer.Normal(0.0, std), nn.initializer.Constant(bias)


def _he(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """He et al. 2015 (arXiv 1502.01852), equation 10: keeps the variance through ReLUs."""
    return _normal(math.sqrt(2.0 / fan_in(layer)), 0.0)


def _he_small_head(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """He, but the paper's N(0, 0.01) in fc8, which no ReLU follows: the first loss is near ln C.

    With He's rule there the first answers are sure and wrong, and take an epoch to unlearn.
    """
    return _paper(name, layer, hidden_bias) if name == "fc8" else _he(name, layer, hidden_bias)


def _paper(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """The paper, section 5: N(0, 0.01) everywhere. Made for pixels 0..255; see docs/init.md."""
    return _normal(0.01, _unit_bias(name))


def _krizhevsky2012(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """Run #145: as the paper, but N(0, 0.03) in conv3 to conv5."""
    return _normal(0.03 if name in ("conv3", "conv4", "conv5") else 0.01, _unit_bias(name))


def _caffe(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """Caffe: N(0, 0.005) in fc6 and fc7; biases of 0.1 (AlexNet) or 1 (CaffeNet)."""
    return _normal(0.005 if name in ("fc6", "fc7") else 0.01, _unit_bias(name) * hidden_bias)


def _kaiming_seed002(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """Seed 002: He by outputs for convolutions; N(0, 0.01) and bias 1 for all linear layers."""
    if name.startswith("fc"):
        return _normal(0.01, 1.0)
    return _normal(math.sqrt(2.0 / fan_out(layer)), _unit_bias(name))


def _torch(name: str, layer: nn.Layer, hidden_bias: float) -> Start:
    """PyTorch's default, so torchvision's: U(+-1 / sqrt(fan_in)), biases too."""
    bound = 1 / math.sqrt(fan_in(layer))
    return nn.initializer.Uniform(-bound, bound), nn.initializer.Uniform(-bound, bound)


def _unit_bias(name: str) -> float:
    return 1.0 if name in PAPER_UNIT_BIASES else 0.0


INITS: dict[str, Rule] = {
    "he": _he,
    "he_small_head": _he_small_head,
    "paper": _paper,
    "krizhevsky2012": _krizhevsky2012,
    "caffe": _caffe,
    "kaiming_seed002": _kaiming_seed002,
    "torch": _torch,
}


def initialize(net: nn.Layer, init: str, *, hidden_bias: float = 1.0) -> None:
    """Draw the weights of ``net`` in place from Paddle's generator (``paddle.seed``).

    Args:
        net: Layers as :func:`weighted_layers` finds them.
        init: A key of :data:`INITS`.
        hidden_bias: With ``caffe``, the biases that the paper starts at 1.

    Raises:
        ValueError: ``init`` is not known.
    """
    if init not in INITS:
        raise ValueError(f"unknown init {init!r}: choose one of {', '.join(INITS)}")
    for name, layer in weighted_layers(net):
        weights, biases = INITS[init](name, layer, hidden_bias)
        with paddle.no_grad():
            weights(layer.weight)
            biases(layer.bias)

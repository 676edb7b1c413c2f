"""How weights start. The choice decides whether training starts at all; see docs/init.md."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.nets.layers import Local2D


def weighted_layers(net: nn.Layer) -> list[tuple[str, nn.Layer]]:
    """The layers with weights in order of depth, by the paper's names: conv1 ... conv5, fc6 ...

    The last one is the head. Works on any net that registers its layers in the order of the forward
    pass.
    """
    layers = [x for x in net.sublayers() if getattr(x, "weight", None) is not None]
    return [(f"{_kind(layer)}{depth}", layer) for depth, layer in enumerate(layers, start=1)]


def _kind(layer: nn.Layer) -> str:
    for kind, name in ((nn.Conv2D, "conv"), (Local2D, "local"), (nn.Linear, "fc")):
        if isinstance(layer, kind):
            return name
    return type(layer).__name__.lower()


@dataclass(frozen=True)
class Role:
    """What a rule knows of a layer.

    Attributes:
        name: Its name in :func:`weighted_layers`.
        layer: It, with ``weight`` and ``bias``.
        is_head: Whether it gives the logits.
        hidden_bias: What Caffe's nets start the biases at that the paper starts at 1.
    """

    name: str
    layer: nn.Layer
    is_head: bool
    hidden_bias: float

    @property
    def is_linear(self) -> bool:
        """Whether it is fully connected."""
        return isinstance(self.layer, nn.Linear)

    @property
    def paper_bias(self) -> float:
        """Section 5: 1 in the second, fourth and fifth convolution and in the hidden linear layers.

        So that their ReLUs start with positive input; 0 in the others.
        """
        hidden = self.is_linear and not self.is_head
        return 1.0 if hidden or self.name in ("conv2", "conv4", "conv5") else 0.0

    @property
    def fan_in(self) -> int:
        """Inputs summed into one output: channels of one group times the kernel, or features."""
        shape = self.layer.weight.shape
        # Conv2D weights are [out, in / groups, kh, kw], others [..., in, out].
        return int(np.prod(shape[1:])) if len(shape) == 4 else shape[-2]

    @property
    def fan_out(self) -> int:
        """Outputs that one input goes to: output channels times the kernel, or features.

        For groups this is torch's count, which takes all output channels.
        """
        shape = self.layer.weight.shape
        if isinstance(self.layer, Local2D):
            return shape[2] * self.layer.kernel**2
        return shape[0] * int(np.prod(shape[2:])) if len(shape) == 4 else shape[1]


# A rule gives the initializers of a layer's weights and biases.
Start = tuple[nn.initializer.Initializer, nn.initializer.Initializer]


def _normal(std: float, bias: float) -> Start:
    return nn.initializer.Normal(0.0, std), nn.initializer.Constant(bias)


def _he(role: Role) -> Start:
    """He et al. 2015 (arXiv 1502.01852), equation 10: keeps the variance through ReLUs."""
    return _normal(math.sqrt(2.0 / role.fan_in), 0.0)


def _he_small_head(role: Role) -> Start:
    """He, but the paper's N(0, 0.01) in the head, which no ReLU follows: the first loss is ~ ln C.

    With He's rule there the first predictions are confident and wrong, and take an epoch to
    unlearn.
    """
    return _paper(role) if role.is_head else _he(role)


def _paper(role: Role) -> Start:
    """The paper, section 5: N(0, 0.01) everywhere. Made for pixels 0..255; see docs/init.md."""
    return _normal(0.01, role.paper_bias)


def _krizhevsky2012(role: Role) -> Start:
    """Run #145: as the paper, but N(0, 0.03) in conv3 to conv5."""
    return _normal(0.03 if role.name in ("conv3", "conv4", "conv5") else 0.01, role.paper_bias)


def _caffe(role: Role) -> Start:
    """Caffe: N(0, 0.005) in the hidden linear layers; biases of 0.1 (AlexNet) or 1 (CaffeNet)."""
    std = 0.005 if role.is_linear and not role.is_head else 0.01
    return _normal(std, role.paper_bias * role.hidden_bias)


def _kaiming_pad2(role: Role) -> Start:
    """Article of alexnet_pad2: He by outputs for convolutions; N(0, 0.01), bias 1 for linear."""
    if role.is_linear:
        return _normal(0.01, 1.0)
    return _normal(math.sqrt(2.0 / role.fan_out), role.paper_bias)


def _torch(role: Role) -> Start:
    """PyTorch's default, so torchvision's: U(+-1 / sqrt(fan_in)), biases too."""
    bound = 1 / math.sqrt(role.fan_in)
    return nn.initializer.Uniform(-bound, bound), nn.initializer.Uniform(-bound, bound)


def _cifar10(role: Role) -> Start:
    """cuda-convnet's nets for CIFAR-10: initW of their layer files; biases from 0."""
    stds = {"conv1": 1e-4, "local3": 0.04, "local4": 0.04}
    return _normal(stds.get(role.name, 0.01), 0.0)


INITS: dict[str, Callable[[Role], Start]] = {
    "he": _he,
    "he_small_head": _he_small_head,
    "paper": _paper,
    "krizhevsky2012": _krizhevsky2012,
    "caffe": _caffe,
    "kaiming_pad2": _kaiming_pad2,
    "torch": _torch,
    "cifar10": _cifar10,
}
OLD_NAMES = {"kaiming_seed002": "kaiming_pad2"}  # still read


def initialize(net: nn.Layer, init: str, *, hidden_bias: float = 1.0) -> None:
    """Draw the weights of ``net`` in place from Paddle's generator (``paddle.seed``).

    Args:
        net: Layers as :func:`weighted_layers` finds them.
        init: A key of :data:`INITS`, or an old name of one.
        hidden_bias: With ``caffe``, the biases that the paper starts at 1.

    Raises:
        ValueError: ``init`` is not known.
    """
    if init in OLD_NAMES:
        logging.warning("model.init: %s is now called %s", init, OLD_NAMES[init])
        init = OLD_NAMES[init]
    if init not in INITS:
        raise ValueError(f"unknown init {init!r}: choose one of {', '.join(INITS)}")
    layers = weighted_layers(net)
    for name, layer in layers:
        weights, biases = INITS[init](Role(name, layer, layer is layers[-1][1], hidden_bias))
        with paddle.no_grad():
            weights(layer.weight)
            biases(layer.bias)

"""How others name and lay out AlexNet's eight layers."""

from dataclasses import dataclass

import numpy as np

DROPPED = (5, 6)  # fc6 and fc7 of the eight: dropout stands before or after them


@dataclass(frozen=True)
class Layout:
    """Names and shapes in one family of weights files.

    Attributes:
        title: For messages.
        architectures: The nets that its files hold.
        layers: Prefix of each of conv1 to conv5 and fc6 to fc8.
        weight: What follows a prefix for weights.
        bias: And for biases.
        outputs_first: Whether a linear layer's weights are [outputs, inputs]; Paddle's are
            [inputs, outputs].
        blue_first: Whether conv1 sees blue, green, red.
        eval_scale: What the net multiplies the inputs of fc6 and fc7 by in evaluation. Paddle's own
            AlexNets leave values as they are in training and halve them in evaluation (dropout's
            mode ``downscale_in_infer``); the nets here double what is left in training and do
            nothing in evaluation, so the weights carry the factor.
    """

    title: str
    architectures: tuple[str, ...]
    layers: tuple[str, ...]
    weight: str = ".weight"
    bias: str = ".bias"
    outputs_first: bool = True
    blue_first: bool = False
    eval_scale: float = 1.0

    @property
    def names(self) -> list[str]:
        """All names: weights and biases of each layer."""
        return [layer + part for layer in self.layers for part in (self.weight, self.bias)]

    def to_paddle(self, index: int, array: np.ndarray) -> np.ndarray:
        """An array, number ``index`` of :attr:`names`, as the nets here have it."""
        layer, is_bias = divmod(index, 2)
        if is_bias:
            return array
        if array.ndim == 2 and self.outputs_first:
            array = array.T
        if layer == 0 and self.blue_first:
            array = array[:, ::-1]
        return array * self.eval_scale if layer in DROPPED and self.eval_scale != 1 else array

    def from_paddle(self, index: int, array: np.ndarray) -> np.ndarray:
        """Undo :meth:`to_paddle`."""
        layer, is_bias = divmod(index, 2)
        if is_bias:
            return array
        if layer in DROPPED and self.eval_scale != 1:
            array = array / self.eval_scale
        if layer == 0 and self.blue_first:
            array = array[:, ::-1]
        return array.T if array.ndim == 2 and self.outputs_first else array

    def shape(self, shape: list[int]) -> list[int]:
        """The shape that an array of the nets here has in this layout."""
        return shape[::-1] if len(shape) == 2 and self.outputs_first else shape


TORCHVISION = Layout(
    "torchvision",
    ("alexnet_owt",),
    (*(f"features.{i}" for i in (0, 3, 6, 8, 10)), *(f"classifier.{i}" for i in (1, 4, 6))),
)
# Places in seed 002's one Sequential, as its code lists the layers.
SEED002 = Layout(
    "seed 002", ("alexnet_pad2",), tuple(f"net.{i}" for i in (0, 4, 8, 10, 12, 17, 20, 22))
)
# PaddleClas and paddle.vision: a pooled convolution is a layer of its own.
PADDLE = Layout(
    "paddle.vision and PaddleClas",
    ("alexnet_owt",),
    ("_conv1._conv", "_conv2._conv", "_conv3", "_conv4", "_conv5._conv", "_fc6", "_fc7", "_fc8"),
    outputs_first=False,
    eval_scale=0.5,
)
CAFFE = Layout(
    "Caffe",
    ("alexnet_caffe", "caffenet"),
    (*(f"conv{i}" for i in range(1, 6)), *(f"fc{i}" for i in range(6, 9))),
    weight="_w",
    bias="_b",
    blue_first=True,
)
LAYOUTS = (TORCHVISION, SEED002, PADDLE, CAFFE)

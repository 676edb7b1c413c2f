"""Weights averaged over time."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import paddle
from paddle import nn


class WeightAverage:
    """A running average of a net's parameters: average += (1 - d) * (weight - average).

    ``d`` is ``decay``, but (1 + step) / (10 + step) while that is smaller, so that the initial
    weights are forgotten early in a run (the rule of TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, net: nn.Layer, decay: float) -> None:
        self.net = net
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in net.named_parameters()}

    @paddle.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after update number ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in self.net.named_parameters():
            self.values[name].lerp_(parameter, paddle.full([], 1 - decay))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While the block runs, the net holds the average."""
        parameters = dict(self.net.named_parameters())
        own = {name: p.detach().clone() for name, p in parameters.items()}
        try:
            _assign(parameters, self.values)
            yield
        finally:
            _assign(parameters, own)

    def arrays(self) -> dict[str, np.ndarray]:
        """The average, by the net's names."""
        return {name: value.numpy() for name, value in self.values.items()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Undo :meth:`arrays`.

        Raises:
            ValueError: A parameter is missing or surplus, of another shape or type, or not finite.
        """
        if arrays.keys() != self.values.keys():
            raise ValueError("its average is of other parameters")
        for name, value in self.values.items():
            array = arrays[name]
            if array.shape != tuple(value.shape) or array.dtype != np.float32:
                raise ValueError(f"the average of {name} is {array.dtype} {list(array.shape)}")
            if not np.isfinite(array).all():
                raise ValueError(f"the average of {name} is not finite")
        self.values = {name: paddle.to_tensor(arrays[name]) for name in self.values}


@paddle.no_grad()
def _assign(parameters: dict[str, paddle.Tensor], values: dict[str, paddle.Tensor]) -> None:
    for name, parameter in parameters.items():
        paddle.assign(values[name], parameter)

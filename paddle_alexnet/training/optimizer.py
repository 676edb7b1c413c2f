"""The update, and keeping what it remembers under the net's own names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.config.schema import OptimizerConfig

# Run #145: the rate of the biases, which stays while that of the weights falls.
BIAS_RATE_2012 = 0.02


class Krizhevsky2012(paddle.optimizer.Momentum):
    """The update of the original code: v = m v - d lr w - lr g; w = w + v.

    The rate stands inside the velocity, so that a drop of the rate does not shrink what the
    velocity already holds; Paddle's Momentum has it outside. Biases learn at a fixed 0.02 and do
    not decay (run #145).

    Attributes:
        conv1_factor: What the rate of conv1's weights is multiplied by; 0 leaves its weights and
            biases as they are, velocity included, as the original code does with a rate of 0.

    Args:
        learning_rate: lr, of the weights.
        momentum: m.
        weight_decay: d.
        parameters: Of the net; the first two are conv1's.
        grad_clip: Applied to the gradients g, or None.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        momentum: float,
        weight_decay: float,
        parameters: Sequence[paddle.Tensor],
        grad_clip: nn.ClipGradByGlobalNorm | None = None,
    ) -> None:
        # Momentum with rate 1 on gradients that are multiplied by the rate beforehand.
        super().__init__(1.0, momentum, parameters=parameters)
        self.rate = learning_rate
        self.decay = weight_decay
        self.clip = grad_clip
        self.conv1_factor = 1.0
        self._conv1 = {parameter.name for parameter in parameters[:2]}

    def get_lr(self) -> float:
        """The rate of the weights."""
        return self.rate

    def set_lr(self, value: float) -> None:
        """Set the rate of the weights."""
        self.rate = value

    @paddle.no_grad()
    def step(self) -> None:
        """Update all parameters that have a gradient."""
        pairs = [(p, p.grad) for p in self._parameter_list if p.grad is not None]
        for parameter, grad in self.clip(pairs) if self.clip is not None else pairs:
            factor = self.conv1_factor if parameter.name in self._conv1 else 1.0
            if factor == 0:
                parameter.grad = None  # one without a gradient is passed over
            elif _is_bias(parameter):
                parameter.grad = grad * BIAS_RATE_2012
            else:
                parameter.grad = (grad + self.decay * parameter) * (self.rate * factor)
        super().step()


def _is_bias(parameter: paddle.Tensor) -> bool:
    return parameter.ndim == 1


def build_optimizer(keys: OptimizerConfig, net: nn.Layer) -> paddle.optimizer.Optimizer:
    """Make the optimizer of ``net``; the caller sets the rate before each update.

    Weight decay is L2 (added to the gradient) and spares biases, as run #145 of the original code
    did, but for ``decay_biases``. Momentum is Paddle's: v = momentum * v + g; w -= lr * v; see also
    :class:`Krizhevsky2012`.
    """
    parameters = net.parameters()
    clip = None if keys.clip_norm is None else nn.ClipGradByGlobalNorm(keys.clip_norm)
    if keys.name == "krizhevsky2012":
        return Krizhevsky2012(
            keys.lr,
            momentum=keys.momentum,
            weight_decay=keys.weight_decay,
            parameters=parameters,
            grad_clip=clip,
        )
    # Not as parameter groups: Paddle clips the norm of each group by itself, so that no longer the
    # global norm would be clipped.
    for parameter in parameters:
        bias = _is_bias(parameter)
        decays = keys.weight_decay > 0 and (keys.decay_biases or not bias)
        parameter.regularizer = paddle.regularizer.L2Decay(keys.weight_decay) if decays else None
        # A factor of the current rate.
        parameter.optimize_attr["learning_rate"] = 2.0 if bias and keys.bias_lr == "double" else 1.0
    if keys.name == "adam":
        return paddle.optimizer.Adam(keys.lr, parameters=parameters, grad_clip=clip)
    return paddle.optimizer.Momentum(
        keys.lr,
        momentum=keys.momentum,
        parameters=parameters,
        use_nesterov=keys.nesterov,
        grad_clip=clip,
    )


def optimizer_arrays(optimizer: paddle.optimizer.Optimizer, net: nn.Layer) -> dict[str, np.ndarray]:
    """What the optimizer remembers, named ``<parameter>/<accumulator>`` after the net's names.

    Paddle names accumulators after a counter of the process (``conv2d_0.w_0_velocity_0``), which
    another process may count differently.
    """
    arrays = {}
    memory = optimizer.state_dict()
    for name, parameter in net.named_parameters():
        prefix = f"{parameter.name}_"
        for key, value in memory.items():
            if key.startswith(prefix):
                arrays[f"{name}/{key[len(prefix) :]}"] = value.numpy()
    return arrays


def restore_optimizer(
    optimizer: paddle.optimizer.Optimizer, net: nn.Layer, arrays: dict[str, np.ndarray]
) -> None:
    """Undo :func:`optimizer_arrays`, before the first update.

    Raises:
        KeyError: An array names a parameter that the net does not have.
        ValueError: An array is of another shape or type or not finite, or of some parameters
            something is missing.
    """
    parameters = dict(net.named_parameters())
    memory, remembered = {}, dict.fromkeys(parameters, frozenset())
    for key, value in arrays.items():
        name, accumulator = key.split("/")
        parameter = parameters[name]
        # Adam has powers beside, one number each.
        shape = (1,) if "_pow_" in accumulator else tuple(parameter.shape)
        if value.shape != shape or value.dtype != np.float32:
            raise ValueError(f"{key} of its optimizer is {value.dtype} {list(value.shape)}")
        if not np.isfinite(value).all():
            raise ValueError(f"{key} of its optimizer is not finite")
        memory[f"{parameter.name}_{accumulator}"] = paddle.to_tensor(value)
        remembered[name] |= {accumulator}
    if len(set(remembered.values())) > 1:
        raise ValueError("its optimizer remembers less of some parameters than of others")
    optimizer.set_state_dict(memory)


# MERGED training.averaging: Weights averaged over time.


class ExponentialMovingAverage:
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

"""The optimizer, gradient clipping, and the moving average of the weights."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.config.schema import OptimizerConfig
from paddle_alexnet.nets.init import weighted_layers

# Run #145: the rate of the biases, which stays while that of the weights falls.
BIAS_LR_2012 = 0.02


class Krizhevsky2012(paddle.optimizer.Momentum):
    """The update of the original code: v = m v - d lr w - lr g; w = w + v.

    The rate stands inside the velocity, so that a drop of the rate does not shrink what the
    velocity already holds; Paddle's Momentum has it outside. Biases learn at a constant rate and do
    not decay.

    Attributes:
        conv1_factor: What the rate of conv1's weights is multiplied by. 0 freezes its weights and
            biases, velocity included, as the original code does with a rate of 0.

    Args:
        learning_rate: lr, of the weights.
        momentum: m.
        weight_decay: d of each parameter, by Paddle's name of it; 0 for biases.
        bias_lr: Rate of each bias, by Paddle's name of it.
        parameters: Of the net; the first two are conv1's.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        momentum: float,
        weight_decay: Mapping[str, float],
        bias_lr: Mapping[str, float],
        parameters: Sequence[paddle.Tensor],
    ) -> None:
        # Momentum with rate 1 on gradients that are multiplied by the rate beforehand.
        super().__init__(1.0, momentum, parameters=parameters)
        self.rate = learning_rate
        self.decay = weight_decay
        self.bias_lr = bias_lr
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
        for parameter in self._parameter_list:
            grad = parameter.grad
            if grad is None:
                continue
            factor = self.conv1_factor if parameter.name in self._conv1 else 1.0
            if factor == 0:
                parameter.grad = None  # one without a gradient is passed over
            else:
                rate = self.bias_lr.get(parameter.name, self.rate * factor)
                parameter.grad = (grad + self.decay[parameter.name] * parameter) * rate
        super().step()


def _biases(net: nn.Layer) -> set[str]:
    """Paddle's names of the biases of ``net``, and of other vectors."""
    names = net.named_parameters()
    return {p.name for name, p in names if p.ndim == 1 or name.split(".")[-1] == "bias"}


def _decays(config: OptimizerConfig, net: nn.Layer, biases: set[str]) -> dict[str, float]:
    """The weight decay of every parameter of ``net``, by Paddle's names."""
    decays = config.weight_decay
    by_layer = isinstance(decays, Mapping)
    found = {parameter.name: 0.0 if by_layer else decays for parameter in net.parameters()}
    for name, layer in weighted_layers(net) if by_layer else ():
        found.update({parameter.name: decays.get(name, 0.0) for parameter in layer.parameters()})
    if not config.decay_biases:
        found.update(dict.fromkeys(biases, 0.0))
    return found


def build_optimizer(config: OptimizerConfig, net: nn.Layer) -> paddle.optimizer.Optimizer:
    """Build the optimizer of ``net``; the schedule sets its rate before each step.

    Weight decay is L2 (added to the gradient), the same for all layers or by their names as of
    :func:`paddle_alexnet.nets.init.weighted_layers`. It spares biases, as the original code did,
    unless ``decay_biases`` is set. Momentum is Paddle's: v = momentum * v + g; w -= lr * v;
    see also :class:`Krizhevsky2012`. Clipping is :func:`clip_gradients`.
    """
    parameters, biases = net.parameters(), _biases(net)
    decays = _decays(config, net, biases)
    if config.name == "krizhevsky2012":
        bias_lr = BIAS_LR_2012 if config.bias_lr == "same" else config.bias_lr
        return Krizhevsky2012(
            config.lr,
            momentum=config.momentum,
            weight_decay=decays,
            bias_lr=dict.fromkeys(biases, bias_lr),
            parameters=parameters,
        )
    for parameter in parameters:
        decay = decays[parameter.name]
        parameter.regularizer = paddle.regularizer.L2Decay(decay) if decay > 0 else None
        # A factor of the current rate.
        doubled = parameter.name in biases and config.bias_lr == "double"
        parameter.optimize_attr["learning_rate"] = 2.0 if doubled else 1.0
    if config.name == "adam":
        return paddle.optimizer.Adam(config.lr, parameters=parameters)
    return paddle.optimizer.Momentum(
        config.lr, config.momentum, parameters=parameters, use_nesterov=config.nesterov
    )


@paddle.no_grad()
def clip_gradients(
    parameters: Iterable[paddle.Tensor], norm: float, max_norm: float | None
) -> None:
    """Scale all gradients by ``max_norm / norm``, in place, where ``norm`` is larger.

    Args:
        parameters: Those with a gradient are scaled.
        norm: L2 norm of all gradients together, finite.
        max_norm: Largest norm; None for any.
    """
    if max_norm is None or norm <= max_norm:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.scale_(max_norm / norm)


def optimizer_arrays(optimizer: paddle.optimizer.Optimizer, net: nn.Layer) -> dict[str, np.ndarray]:
    """The optimizer's accumulators, named ``<parameter>/<accumulator>`` after the net's names.

    Paddle names them after a counter of the process (``conv2d_0.w_0_velocity_0``), which another
    process may count differently.
    """
    accumulators = optimizer.state_dict()
    return {
        f"{name}/{key.removeprefix(f'{parameter.name}_')}": value.numpy()
        for name, parameter in net.named_parameters()
        for key, value in accumulators.items()
        if key.startswith(f"{parameter.name}_")
    }


def restore_optimizer(
    optimizer: paddle.optimizer.Optimizer, net: nn.Layer, arrays: Mapping[str, np.ndarray]
) -> None:
    """Undo :func:`optimizer_arrays`, before the first step.

    Raises:
        KeyError: An array names a parameter that the net does not have.
        ValueError: An array is of another shape or type or not finite, or an accumulator is
            missing for some parameters.
    """
    parameters = dict(net.named_parameters())
    accumulators, kinds = {}, dict.fromkeys(parameters, frozenset())
    for key, value in arrays.items():
        name, kind = key.split("/")
        parameter = parameters[name]
        # Adam has powers beside, one number each.
        shape = (1,) if "_pow_" in kind else tuple(parameter.shape)
        check_array(f"{key} of its optimizer", value, shape)
        accumulators[f"{parameter.name}_{kind}"] = paddle.to_tensor(value)
        kinds[name] |= {kind}
    if len(set(kinds.values())) > 1:
        raise ValueError("its optimizer lacks accumulators of some parameters")
    optimizer.set_state_dict(accumulators)


def check_array(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Check an array from a checkpoint.

    Raises:
        ValueError: It is not float32 of ``shape``, or not finite.
    """
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite")


class ExponentialMovingAverage:
    """Moving average of a net's parameters: average += (1 - d) * (weight - average).

    ``d`` is ``decay``, but (1 + step) / (10 + step) while that is smaller, so that the initial
    weights are forgotten early in a run (the rule of TensorFlow's ExponentialMovingAverage).

    Args:
        net: The net.
        decay: In [0, 1).
    """

    def __init__(self, net: nn.Layer, decay: float) -> None:
        self.net = net
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in net.named_parameters()}

    @paddle.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after step number ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in self.net.named_parameters():
            self.values[name].lerp_(parameter, paddle.full([], 1 - decay))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While the block runs, the net holds the average."""
        own = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        try:
            self._assign(self.values)
            yield
        finally:
            self._assign(own)

    @paddle.no_grad()
    def _assign(self, values: Mapping[str, paddle.Tensor]) -> None:
        for name, parameter in self.net.named_parameters():
            paddle.assign(values[name], parameter)

    def arrays(self) -> dict[str, np.ndarray]:
        """The average, by the net's names."""
        return {name: value.numpy() for name, value in self.values.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Undo :meth:`arrays`.

        Raises:
            ValueError: A parameter is missing or surplus, of another shape or type, or not finite.
        """
        if arrays.keys() != self.values.keys():
            raise ValueError("its average is of other parameters")
        for name, value in self.values.items():
            check_array(f"the average of {name}", arrays[name], tuple(value.shape))
        self.values = {name: paddle.to_tensor(arrays[name]) for name in self.values}

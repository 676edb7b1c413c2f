"""The update, and keeping what it remembers under the net's own names."""

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.config.keys import OptimizerKeys


def build_optimizer(keys: OptimizerKeys, net: nn.Layer) -> paddle.optimizer.Optimizer:
    """Make the optimizer of ``net``; the caller sets the rate before each update.

    Weight decay is L2 (added to the gradient) and spares biases, as run #145 of the original code
    did. Momentum is Paddle's: v = momentum * v + g; w -= lr * v.
    """
    # Not as parameter groups: Paddle clips the norm of each group by itself, so that no longer the
    # global norm would be clipped.
    for parameter in net.parameters():
        decays = parameter.ndim > 1 and keys.weight_decay > 0
        parameter.regularizer = paddle.regularizer.L2Decay(keys.weight_decay) if decays else None
    parameters = net.parameters()
    clip = None if keys.clip_norm is None else nn.ClipGradByGlobalNorm(keys.clip_norm)
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
    """
    names = {name: parameter.name for name, parameter in net.named_parameters()}
    memory = {}
    for key, value in arrays.items():
        name, accumulator = key.split("/")
        memory[f"{names[name]}_{accumulator}"] = paddle.to_tensor(value)
    optimizer.set_state_dict(memory)

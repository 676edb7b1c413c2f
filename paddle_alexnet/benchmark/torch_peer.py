"""The same things by torch. Import this where torch is installed; does not load Paddle."""

import math

import torch
from torch import nn

from paddle_alexnet.benchmark.inputs import CLASSES, Case, labels, noise
from paddle_alexnet.nets import stages
from paddle_alexnet.nets.registry import Model


def build(row: Model) -> nn.Sequential:
    """A net with torch's own layers.

    Raises:
        ValueError: It needs what torch has no layer for: norms within towers or feature maps.
    """
    layers: list[nn.Module] = []
    shape: tuple[int, ...] = (3, row.preprocessing.input_size, row.preprocessing.input_size)
    for stage in (*row.stages, (stages.Linear(CLASSES),)):
        if len(shape) > 1 and any(spec.on_features for spec in stage):
            layers.append(nn.Flatten())
            shape = (math.prod(shape),)
        for spec in stage:
            layers += _layers(spec, shape[0])
            traced = spec.trace(shape)
            shape = traced.shape if traced else shape
    return nn.Sequential(*layers)


def _layers(spec: stages.Spec, channels: int) -> list[nn.Module]:
    match spec:
        case stages.Conv():
            end = spec.end_padding
            conv = nn.Conv2d(
                *(channels, spec.channels, spec.kernel, spec.stride, spec.padding),
                groups=spec.groups,
            )
            return [nn.ZeroPad2d((0, end, 0, end)), conv] if end else [conv]
        case stages.Linear():
            return [nn.Linear(channels, spec.units)]
        case stages.ReLU():
            return [nn.ReLU(inplace=True)]
        case stages.MaxPool():
            return [nn.MaxPool2d(spec.size, spec.stride)]
        case stages.Dropout():
            return [nn.Dropout(spec.rate)]
        case stages.Norm(towers=1):
            return [nn.LocalResponseNorm(spec.local_size, spec.alpha, spec.beta, spec.bias)]
    raise ValueError(f"torch has no layer for {spec}: choose another model")


def training_step(row: Model, batch: int, threads: int) -> Case:
    """As :func:`paddle_alexnet.benchmark.paddle_cases.training_step`."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = build(row)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-9, momentum=0.9, weight_decay=5e-4)
    side = row.preprocessing.input_size
    images = torch.from_numpy(noise(batch, 3, side, side))
    wanted = torch.from_numpy(labels(batch))

    def run() -> float:
        loss = nn.functional.cross_entropy(net(images), wanted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return run


def inference(row: Model, batch: int, threads: int) -> Case:
    """Logits of a batch of float inputs in ``inference_mode``."""
    torch.set_num_threads(threads)
    net = build(row).eval()
    side = row.preprocessing.input_size
    images = torch.from_numpy(noise(batch, 3, side, side))

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return net(images)

    return run


def response_norm(shape: tuple[int, int, int, int], threads: int) -> Case:
    """Forward and gradient of torch's norm."""
    torch.set_num_threads(threads)
    layer = nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
    leaf = torch.from_numpy(noise(*shape)).requires_grad_()
    gradient = torch.from_numpy(noise(*shape))

    def run() -> object:
        layer(leaf).backward(gradient)
        result, leaf.grad = leaf.grad, None
        return result

    return run

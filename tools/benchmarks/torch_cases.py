"""Benchmark cases of torch, the counterparts of ``paddle_cases``. Does not load Paddle."""

import logging
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.timing import CLASSES, Case, labels, noise
from paddle_alexnet.nets import stages
from paddle_alexnet.nets.registry import Model
from paddle_alexnet.runtime.cpu import usable_cores


def build(model: Model) -> nn.Sequential:
    """A net made of torch's own layers, with :data:`CLASSES` outputs.

    Raises:
        ValueError: The net needs a norm that torch has no layer for (within towers or within
            feature maps).
    """
    layers: list[nn.Module] = []
    shape: tuple[int, ...] = (3, model.preprocessing.input_size, model.preprocessing.input_size)
    for stage in (*model.stages, (stages.Linear(CLASSES),)):
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


def training_step(model: Model, batch: int, form: str = "eager") -> Case:
    """Forward, loss, backward and an SGD step with momentum.

    Args:
        model: The net.
        batch: Images.
        form: One of :func:`forms`; ``channels_last`` is eager as well. The first call of
            ``compiled`` takes up to a minute.
    """
    torch.set_num_threads(usable_cores())
    torch.manual_seed(0)
    net = build(model)
    side = model.preprocessing.input_size
    images = torch.from_numpy(noise(batch, 3, side, side))
    wanted = torch.from_numpy(labels(batch))
    if form == "channels_last":
        net = net.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-9, momentum=0.9, weight_decay=5e-4)
    forward = torch.compile(net) if form == "compiled" else net

    def run() -> float:
        loss = nn.functional.cross_entropy(forward(images), wanted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return run


def forms() -> list[str]:
    """How torch can train here; without a C++ compiler a line of the log says so."""
    from torch._inductor import cpp_builder, exc  # slow to import

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        logging.warning("torch.compile is not measured: it needs a C++ compiler, as g++")
        return ["eager", "channels_last"]
    return ["eager", "channels_last", "compiled"]


def inference(model: Model, batch: int) -> Case:
    """Logits of a float32 batch in ``inference_mode``."""
    torch.set_num_threads(usable_cores())
    net = build(model).eval()
    side = model.preprocessing.input_size
    images = torch.from_numpy(noise(batch, 3, side, side))
    return torch.inference_mode()(lambda: net(images))


def response_norm(shape: tuple[int, int, int, int]) -> Case:
    """Forward and gradient of the paper's norm by torch's layer; float32 [N, C, H, W]."""
    torch.set_num_threads(usable_cores())
    layer = nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
    leaf = torch.from_numpy(noise(*shape)).requires_grad_()
    gradient = torch.from_numpy(noise(*shape))

    def run() -> torch.Tensor:
        layer(leaf).backward(gradient)
        result, leaf.grad = leaf.grad, None
        return result

    return run


def loading(dataset: Dataset, batch: int, workers: int) -> Callable[[], int]:
    """An epoch of torch's DataLoader over ``dataset``; each call returns the number of images.

    Args:
        dataset: Gives (uint8 [S, S, 3], label), decoded and augmented by this project's code. Its
            processes load torch and not Paddle; those of this project load neither.
        batch: Images a batch.
        workers: Processes; 0 for the calling thread.
    """
    loader = DataLoader(
        dataset,
        batch,
        shuffle=True,
        num_workers=workers,
        collate_fn=_collate,
        # As in this project: a fork of a process with Paddle's threads may hang.
        multiprocessing_context="spawn" if workers else None,
    )
    return lambda: sum(len(images) for images, _ in loader)


def _collate(items: Sequence[tuple[np.ndarray, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    images, wanted = zip(*items, strict=True)
    return torch.from_numpy(np.stack(images)), torch.tensor(wanted)

"""Benchmark cases of torch, the counterparts of ``paddle_cases``. Does not load Paddle."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.timing import CLASSES, Case, labels, noise
from paddle_alexnet.nets.shapes import walk
from paddle_alexnet.nets.stages import Design
from paddle_alexnet.runtime.cpu import usable_cores


def build(design: Design) -> nn.Sequential:
    """A net made of torch's own layers, with :data:`CLASSES` outputs.

    Raises:
        ValueError: The net needs a norm that torch has no layer for (within towers or within
            feature maps).
    """
    layers: list[nn.Module] = []
    channels = 3
    for s in design.stages:
        if s.end_padding:
            layers.append(nn.ZeroPad2d((0, s.end_padding, 0, s.end_padding)))
        layers.append(
            nn.Conv2d(channels, s.channels, s.kernel, s.stride, s.padding, groups=s.groups)
        )
        layers += [_layer_after(design, kind) for kind in s.after]
        channels = s.channels
    layers.append(nn.Flatten())
    for inputs in (channels * walk(design)[-1].size ** 2, design.hidden):
        hidden = [nn.Linear(inputs, design.hidden), nn.ReLU(inplace=True)]
        hidden.insert(0 if design.dropout_first else 2, nn.Dropout(design.dropout))
        layers += hidden
    return nn.Sequential(*layers, nn.Linear(design.hidden, CLASSES))


def _layer_after(design: Design, kind: str) -> nn.Module:
    if kind == "relu":
        return nn.ReLU(inplace=True)
    if kind == "pool":
        return nn.MaxPool2d(design.pool_size, 2)
    norm = design.norm
    if kind != "norm" or norm.towers != 1:
        raise ValueError("torch has no layer for this net's norms: choose another model")
    return nn.LocalResponseNorm(norm.local_size, norm.alpha, norm.beta, norm.bias)


def training_step(design: Design, batch: int) -> Case:
    """Forward, loss, backward and an SGD step with momentum."""
    torch.set_num_threads(usable_cores())
    torch.manual_seed(0)
    net = build(design)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-9, momentum=0.9, weight_decay=5e-4)
    images = torch.from_numpy(noise(batch, 3, design.input_size, design.input_size))
    wanted = torch.from_numpy(labels(batch))

    def run() -> float:
        loss = nn.functional.cross_entropy(net(images), wanted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return run


def inference(design: Design, batch: int) -> Case:
    """Logits of a float32 batch in ``inference_mode``."""
    torch.set_num_threads(usable_cores())
    net = build(design).eval()
    images = torch.from_numpy(noise(batch, 3, design.input_size, design.input_size))
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

"""The same things by torch. Import this where torch is installed; does not load Paddle."""

import torch
from torch import nn

from paddle_alexnet.benchmark.inputs import CLASSES, Case, labels, noise
from paddle_alexnet.nets.shapes import walk
from paddle_alexnet.nets.stages import Design


def build(design: Design) -> nn.Sequential:
    """A design with torch's own layers.

    Raises:
        ValueError: It needs what torch has no layer for: norms within towers or maps.
    """
    layers: list[nn.Module] = []
    channels = 3
    for stage in design.stages:
        if stage.end_padding:
            layers.append(nn.ZeroPad2d((0, stage.end_padding, 0, stage.end_padding)))
        layers.append(
            nn.Conv2d(
                channels,
                stage.channels,
                stage.kernel,
                stage.stride,
                stage.padding,
                groups=stage.groups,
            )
        )
        layers += [_after(design, kind) for kind in stage.after]
        channels = stage.channels
    features = channels * walk(design)[-1].size ** 2
    layers.append(nn.Flatten())
    for inputs in (features, design.hidden):
        hidden = [nn.Linear(inputs, design.hidden), nn.ReLU(inplace=True)]
        hidden.insert(0 if design.dropout_first else 2, nn.Dropout(design.dropout))
        layers += hidden
    return nn.Sequential(*layers, nn.Linear(design.hidden, CLASSES))


def _after(design: Design, kind: str) -> nn.Module:
    if kind == "relu":
        return nn.ReLU(inplace=True)
    if kind == "pool":
        return nn.MaxPool2d(design.pool_size, 2)
    norm = design.norm
    if kind != "norm" or norm.towers != 1:
        raise ValueError("torch has no layer for this net's norms: choose another model")
    return nn.LocalResponseNorm(norm.local_size, norm.alpha, norm.beta, norm.bias)


def training_step(design: Design, batch: int, threads: int) -> Case:
    """As :func:`paddle_alexnet.benchmark.paddle_cases.training_step`."""
    torch.set_num_threads(threads)
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


def inference(design: Design, batch: int, threads: int) -> Case:
    """Logits of a batch of float inputs in ``inference_mode``."""
    torch.set_num_threads(threads)
    net = build(design).eval()
    images = torch.from_numpy(noise(batch, 3, design.input_size, design.input_size))

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

"""AlexNets of torch, written from the articles' tables, for comparisons; and their stored vectors.

Where torch is installed the tests compute with it. Elsewhere they compare with the vectors in
tests/vectors/, which this makes from a fixed seed:

    python tests/references.py
"""

from pathlib import Path

import numpy as np

VECTORS = Path(__file__).parent / "vectors"
# A decay that shows: with the paper's 5e-4 a step without it would pass.
LR, MOMENTUM, DECAY = 0.01, 0.9, 0.05
CLASSES, IMAGES = 7, 2
KEPT = 400  # entries of each array in the stored vectors

# Channels of conv1 to conv5 and hidden units: as published, and narrow for the stored vectors.
CHANNELS = {
    "alexnet_owt": {1.0: (64, 192, 384, 256, 256, 4096), 0.02: (2, 4, 8, 6, 6, 82)},
    "alexnet_pad2": {1.0: (96, 256, 384, 384, 256, 4096), 0.02: (2, 6, 8, 8, 6, 82)},
}
FEATURES = {"alexnet_owt": 36, "alexnet_pad2": 36}  # 6 x 6 places go into fc6


def shapes(name, width):
    """Of torch's weights and biases, layer by layer."""
    a, b, c, d, e, hidden = CHANNELS[name][width]
    return [
        *((a, 3, 11, 11), (a,), (b, a, 5, 5), (b,), (c, b, 3, 3), (c,)),
        *((d, c, 3, 3), (d,), (e, d, 3, 3), (e,)),
        *((hidden, e * FEATURES[name]), (hidden,), (hidden, hidden), (hidden,)),
        *((CLASSES, hidden), (CLASSES,)),
    ]


def make_inputs(name, width):
    """Weights in torch's layout, images and labels, from a fixed seed."""
    rng = np.random.default_rng(2012)
    weights = []
    for shape in shapes(name, width):
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        weights.append((scale * rng.standard_normal(shape)).astype(np.float32))
    images = rng.standard_normal((IMAGES, 3, 224, 224)).astype(np.float32)
    return weights, images, rng.integers(0, CLASSES, IMAGES)


def torch_net(name, width):
    """The nets of the articles' code (alexnet_owt with torchvision's layers), without dropout."""
    from torch import nn

    a, b, c, d, e, hidden = CHANNELS[name][width]
    pool = nn.MaxPool2d(3, 2)
    norm = [nn.LocalResponseNorm(5, 10e-4, 0.75, 2)] if name == "alexnet_pad2" else []
    head = [nn.Flatten(), nn.Linear(e * FEATURES[name], hidden), nn.ReLU()]
    return nn.Sequential(
        *(nn.Conv2d(3, a, 11, 4, 2), nn.ReLU(), *norm, pool),
        *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), *norm, pool),
        *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(d, e, 3, padding=1), nn.ReLU(), pool),
        *(*head, nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, CLASSES)),
    )


def compute_with_torch(name, width, dtype="float32"):
    """Logits, loss, gradients and the weights after one step of SGD, as numpy arrays."""
    import torch

    weights, images, labels = make_inputs(name, width)
    net = torch_net(name, width).to(getattr(torch, dtype))
    parameters = list(net.parameters())
    with torch.no_grad():
        for parameter, value in zip(parameters, weights, strict=True):
            parameter.copy_(torch.from_numpy(value))
    optimizer = torch.optim.SGD(parameters, lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    logits = net(torch.from_numpy(images.astype(dtype)))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    loss.backward()
    gradients = [parameter.grad.numpy().copy() for parameter in parameters]
    optimizer.step()
    return {
        "logits": logits.detach().numpy(),
        "loss": loss.detach().numpy(),
        **{f"gradient{i}": g for i, g in enumerate(gradients)},
        **{f"updated{i}": p.detach().numpy() for i, p in enumerate(parameters)},
    }


def sampled(array):
    """Evenly spaced entries, at most KEPT, and the largest magnitude of all."""
    flat = np.asarray(array).reshape(-1)
    places = np.unique(np.linspace(0, flat.size - 1, min(KEPT, flat.size)).astype(int))
    return np.append(flat[places], np.abs(flat).max()).astype(np.float32)


def main():
    """Write the vectors."""
    VECTORS.mkdir(exist_ok=True)
    for name in CHANNELS:
        result = compute_with_torch(name, 0.02)
        np.savez_compressed(
            VECTORS / f"{name}.npz", **{key: sampled(array) for key, array in result.items()}
        )


if __name__ == "__main__":
    main()

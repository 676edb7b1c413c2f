"""The kernels of a net's first layer as an image, as in Figure 3 of the paper."""

import math

import numpy as np
from paddle import nn

from paddle_alexnet.figures.captions import grid

MARGIN = 2  # pixels between two kernels
SIDE = 33  # pixels of a kernel, about


def draw_filters(net: nn.Layer) -> np.ndarray | None:
    """Draw the kernels of the first convolution, those of each tower by themselves.

    Kernels are of different towers where the second convolution sees them in different groups.

    Returns:
        uint8 RGB, the towers one below the other; None where a net begins with something else than
        a convolution of RGB images.
    """
    convolutions = [layer for layer in net.sublayers() if isinstance(layer, nn.Conv2D)]
    if not convolutions or convolutions[0].weight.shape[1] != 3:
        return None
    kernels = convolutions[0].weight.numpy()
    towers = len(kernels) // convolutions[1].weight.shape[1] if len(convolutions) > 1 else 1
    return grid([filter_grid(part) for part in np.split(kernels, towers)], columns=1)


def filter_grid(kernels: np.ndarray, columns: int = 16) -> np.ndarray:
    """Draw kernels as images in a grid, row by row.

    Args:
        kernels: Float [K, 3, H, W]. Each is stretched to the whole range by itself, as the largest
            weights of different kernels differ several times.
        columns: Kernels per row.

    Returns:
        uint8 RGB.
    """
    low, high = (f(kernels, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    stretched = (kernels - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    images = np.rint(255 * stretched).astype(np.uint8).transpose(0, 2, 3, 1)
    zoom = max(1, SIDE // images.shape[1])
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width = (size + MARGIN for size in images.shape[1:3])
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * height + MARGIN, columns * width + MARGIN, 3), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * height + MARGIN, i % columns * width + MARGIN
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet

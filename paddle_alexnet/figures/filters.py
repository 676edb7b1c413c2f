"""The kernels of a net's first layer as an image, as in Figure 3 of the paper."""

import math

import numpy as np
from paddle import nn

MARGIN = 2  # pixels between two kernels
SIDE = 33  # pixels of a kernel, about


def first_kernels(net: nn.Layer) -> np.ndarray | None:
    """The kernels of the first convolution of RGB images, float32 [K, 3, H, W]; None without."""
    for layer in net.sublayers():
        if isinstance(layer, nn.Conv2D) and layer.weight.shape[1] == 3:
            return layer.weight.numpy()
    return None


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

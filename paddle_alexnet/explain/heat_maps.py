"""Heat maps: which places of an image a class's score or logit rests on.

Each function takes images as the net sees them, uint8 RGB [N, S, S, 3], and an index of a class
for each, int [N]; it returns a map for each, float32 [N, S, S]. The net computes in evaluation
mode, without dropout, and is left as it was. Not for two threads at once.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from paddle_alexnet.inference.features import check_layer

WINDOWS = 12  # of occlusion, along a side, about
BATCH = 32  # images that occlusion computes at once


def feature_layers(net: nn.Layer) -> list[str]:
    """The names of the net's blocks that give feature maps, in order: block1 ... block5."""
    names: list[str] = []
    for name, layer in net.named_children():
        if isinstance(layer, nn.Flatten):
            break
        names.append(name)
    return names


def grad_cam(
    net: nn.Layer,
    normalize: nn.Layer,
    images: np.ndarray,
    layer: str,
    classes: Sequence[int] | np.ndarray,
) -> np.ndarray:
    """Grad-CAM (Selvaraju et al., ICCV 2017, equations 1 and 2) of a layer's feature maps.

    The feature maps are added with weights, negative sums become 0, and the result is enlarged to
    the image, bilinearly. A map's weight is the gradient of the class's logit, averaged over the
    map's places. It costs a forward pass and the gradients from the logits down to the layer.

    Args:
        net: Gives logits.
        normalize: From uint8 [N, S, S, 3] to the net's input.
        images: As the module says.
        layer: One of :func:`feature_layers`.
        classes: As the module says.

    Returns:
        From 0 on, without an upper bound; comparable within a map only.

    Raises:
        ConfigError: The layer is not known or has no feature maps.
    """
    check_layer(layer, feature_layers(net), "layers with feature maps")
    with _evaluation(net):
        inputs = normalize(paddle.to_tensor(images))
        maps, logits = _from_layer(net, layer, inputs)
        (gradients,) = paddle.grad(_chosen(logits, classes).sum(), maps)
        channels, places = (3, (1, 2)) if _is_channels_last(net) else (1, (2, 3))
        weights = gradients.mean(axis=places, keepdim=True)
        heat = F.relu((weights * maps.detach()).sum(axis=channels)).unsqueeze(1)
        side = images.shape[1:3]
        return F.interpolate(heat, size=side, mode="bilinear", align_corners=False)[:, 0].numpy()


def occlusion(
    net: nn.Layer,
    normalize: nn.Layer,
    images: np.ndarray,
    classes: Sequence[int] | np.ndarray,
    *,
    window: int | None = None,
    stride: int | None = None,
) -> np.ndarray:
    """How far the class's score falls where a square is covered (Zeiler and Fergus, ECCV 2014).

    Squares have the colour of the mean pixel, which is 0 after normalization. They reach over the
    edges, so that every pixel is covered equally often if ``stride`` divides ``window``.

    Args:
        net: Gives logits.
        normalize: From uint8 [N, S, S, 3] to the net's input.
        images: As the module says.
        classes: As the module says.
        window: Side of the square, pixels; None for a sixth of the image's.
        stride: Pixels from one square to the next, at most ``window``; None for half of it.

    Returns:
        In [-1, 1]: the fall of the softmax score, averaged over the squares that cover a pixel;
        below 0 where covering it raises the score.

    Raises:
        ValueError: ``stride`` is larger than ``window``, or one is below 1.
    """
    side = images.shape[1]
    window = 2 * math.ceil(side / WINDOWS) if window is None else window
    stride = max(1, window // 2) if stride is None else stride
    if not 1 <= stride <= window:
        raise ValueError(f"expected 1 <= stride <= window, got {stride} and {window}")
    starts = range(stride - window, side, stride)
    squares = [
        (slice(max(0, top), top + window), slice(max(0, left), left + window))
        for top in starts
        for left in starts
    ]
    heat = np.zeros(images.shape[:3], np.float64)
    covered = np.zeros((side, side))
    for square in squares:
        covered[square] += 1
    with _evaluation(net), paddle.no_grad():
        for image, of_image, label in zip(heat, images, classes, strict=True):
            whole = normalize(paddle.to_tensor(of_image[None]))
            score = F.softmax(net(whole), axis=1)[0, int(label)].item()
            for start in range(0, len(squares), BATCH):
                part = squares[start : start + BATCH]
                masks = np.ones((len(part), 1, side, side), np.float32)
                for mask, square in zip(masks, part, strict=True):
                    mask[0][square] = 0
                logits = net(whole * paddle.to_tensor(masks))
                scores = F.softmax(logits, axis=1)[:, int(label)].numpy()
                for square, below in zip(part, scores, strict=True):
                    image[square] += score - below
    return (heat / covered).astype(np.float32)


def saliency(
    net: nn.Layer, normalize: nn.Layer, images: np.ndarray, classes: Sequence[int] | np.ndarray
) -> np.ndarray:
    """The gradient of the class's logit by the pixels (Simonyan et al., arXiv 1312.6034, 3.1).

    Args:
        net: Gives logits.
        normalize: From uint8 [N, S, S, 3] to the net's input.
        images: As the module says.
        classes: As the module says.

    Returns:
        From 0 on, without an upper bound: logits for a step of 1 of a pixel on 0..255, the largest
        magnitude of its three channels.
    """
    with _evaluation(net):
        pixels = paddle.to_tensor(images.astype(np.float32), stop_gradient=False)
        logits = net(normalize(pixels))
        (gradients,) = paddle.grad(_chosen(logits, classes).sum(), pixels)
        return gradients.abs().max(axis=3).numpy()


@contextlib.contextmanager
def _evaluation(net: nn.Layer) -> Iterator[None]:
    """Evaluation mode, with gradients of feature maps and pixels, but none of the weights.

    Those would cost more than all that is wanted: fc6 alone has 37.7 million weights.
    """
    training = net.training
    stopped = {parameter: parameter.stop_gradient for parameter in net.parameters()}
    net.eval()
    try:
        for parameter in stopped:
            parameter.stop_gradient = True
        with paddle.enable_grad():
            yield
    finally:
        for parameter, stop in stopped.items():
            parameter.stop_gradient = stop
        if training:
            net.train()


def _from_layer(
    net: nn.Layer, layer: str, inputs: paddle.Tensor
) -> tuple[paddle.Tensor, paddle.Tensor]:
    """What ``layer`` gives, and the logits as a function of that alone."""
    kept: list[paddle.Tensor] = []

    def begin(layer: nn.Layer, inputs: object, output: paddle.Tensor) -> paddle.Tensor:
        leaf = output.detach()
        leaf.stop_gradient = False
        kept.append(leaf)
        return leaf

    hook = getattr(net, layer).register_forward_post_hook(begin)
    try:
        logits = net(inputs)
    finally:
        hook.remove()
    return kept[0], logits


def _chosen(logits: paddle.Tensor, classes: Sequence[int] | np.ndarray) -> paddle.Tensor:
    """The logit of each image's class, [N, 1]."""
    labels = paddle.to_tensor(np.asarray(classes, np.int64)[:, None])
    return paddle.take_along_axis(logits, labels, axis=1)


def _is_channels_last(net: nn.Layer) -> bool:
    return getattr(net, "data_format", "NCHW") == "NHWC"

"""How much of its input an initial net passes on: differences between images, layer by layer."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.layers import Normalize
from paddle_alexnet.nets.registry import MODELS, build_model


@dataclass(frozen=True)
class ActivationStatistics:
    """How far a layer's outputs differ between images.

    Attributes:
        std_between_images: Standard deviation over the images, averaged over units.
        rms: Root mean square over images and units.
    """

    std_between_images: float
    rms: float

    @property
    def relative(self) -> float:
        """The fraction of the outputs' size that differs between images."""
        return self.std_between_images / self.rms


def measure_activations(net: nn.Layer, images: paddle.Tensor) -> dict[str, ActivationStatistics]:
    """Measure how far the outputs of each layer with weights differ between images.

    A net whose logits are nearly the same for all images cannot tell them apart, and gets nearly
    the same gradient from all of them.

    Args:
        net: Left in evaluation mode.
        images: Normalised, [N, 3, S, S], N >= 2.

    Returns:
        By names as of :func:`paddle_alexnet.nets.init.weighted_layers` (``conv1`` to ``fc8``), of
        what comes out before the activation; the last are the logits.
    """
    statistics: dict[str, ActivationStatistics] = {}

    def measure(name: str, layer: nn.Layer, inputs: object, output: paddle.Tensor) -> None:
        values = output.numpy().astype(np.float64)
        std = float(values.std(axis=0).mean())
        statistics[name] = ActivationStatistics(std, math.sqrt((values**2).mean()))

    hooks = [
        layer.register_forward_post_hook(functools.partial(measure, name))
        for name, layer in weighted_layers(net)
    ]
    net.eval()
    try:
        with paddle.no_grad():
            net(images)
    finally:
        for hook in hooks:
            hook.remove()
    return statistics


def mean_activations(
    model: str,
    init: str,
    ranges: Mapping[str, Sequence[float]],
    *,
    images: int,
    seed: int,
    draws: int,
) -> dict[str, dict[str, ActivationStatistics]]:
    """Average :func:`measure_activations` over nets of five classes that differ in their seed.

    Args:
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        init: A key of :data:`paddle_alexnet.nets.init.INITS`.
        ranges: For each name the std that pixels on [0, 1] are divided by, per channel.
        images: Images of noise, >= 2.
        seed: Of the noise, and of the first weights.
        draws: Nets, >= 1.

    Returns:
        For each name in ``ranges`` the statistics of each layer.
    """
    pixels = pink_noise_images(images, MODELS[model].preprocessing.input_size, seed)
    center = pixels.mean(axis=(0, 1, 2)) / 255
    inputs = {
        name: Normalize(center, std)(paddle.to_tensor(pixels)) for name, std in ranges.items()
    }
    measured: dict[str, list[dict[str, ActivationStatistics]]] = {name: [] for name in ranges}
    for draw in range(draws):
        paddle.seed(seed + draw)
        net = build_model(model, 5, lrn="fused", init=init)
        for name, batch in inputs.items():
            measured[name].append(measure_activations(net, batch))

    def mean(rows: list[ActivationStatistics]) -> ActivationStatistics:
        return ActivationStatistics(*np.mean([astuple(row) for row in rows], axis=0).tolist())

    return {
        name: {layer: mean([net[layer] for net in nets]) for layer in nets[0]}
        for name, nets in measured.items()
    }


def pink_noise_images(count: int, size: int, seed: int) -> np.ndarray:
    """Draw images whose amplitude falls as 1 / frequency, as that of photos does on average.

    (Field 1987, "Relations between the statistics of natural images and the response properties of
    cortical cells".) Colours are independent; each image is stretched to the whole range. So
    measurements need no photos.

    Args:
        count: Images.
        size: Side, pixels.
        seed: Of the noise.

    Returns:
        uint8 RGB [count, size, size, 3].
    """
    white = np.random.default_rng(seed).standard_normal((count, 3, size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf  # no constant part
    pink = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(size, size))
    low, high = (f(pink, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    return np.rint(255 * (pink - low) / (high - low)).astype(np.uint8).transpose(0, 2, 3, 1)

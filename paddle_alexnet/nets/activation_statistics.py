"""Pictures of noise with the spectrum of photos, for measurements that need no photos."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn

from paddle_alexnet.nets.init import weighted_layers
from paddle_alexnet.nets.layers import Normalize
from paddle_alexnet.nets.registry import MODELS, build_model


def noise_images(count: int, size: int, seed: int) -> np.ndarray:
    """Draw pictures whose amplitude falls as 1 / frequency, as that of photos does on average.

    (Field 1987, "Relations between the statistics of natural images and the response properties of
    cortical cells".) Colours are independent; each picture is stretched to the whole range.

    Args:
        count: Pictures.
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


# MERGED nets.spread: How much of its input a net passes on: the difference between pictures, layer by layer.


@dataclass(frozen=True)
class Spread:
    """How far outputs differ between pictures.

    Attributes:
        difference: Standard deviation over the pictures, averaged over units.
        size: Root mean square over pictures and units.
    """

    difference: float
    size: float

    @property
    def relative(self) -> float:
        """The share of the outputs that tells pictures apart."""
        return self.difference / self.size


def measure_spread(net: nn.Layer, images: paddle.Tensor) -> dict[str, Spread]:
    """Measure how far the outputs of each layer with weights differ between pictures.

    A net whose logits are nearly the same for all pictures cannot tell them apart, and gets nearly
    the same gradient from all of them.

    Args:
        net: Left in evaluation mode.
        images: Normalised, [N, 3, S, S], N >= 2.

    Returns:
        For ``conv1`` to ``fc8`` what comes out before the activation; the last are the logits.
    """
    spread: dict[str, Spread] = {}

    def note(name: str, layer: nn.Layer, inputs: object, output: paddle.Tensor) -> None:
        values = output.numpy().astype(np.float64)
        size = math.sqrt((values**2).mean())
        spread[name] = Spread(float(values.std(axis=0).mean()), size)

    hooks = [
        layer.register_forward_post_hook(functools.partial(note, name))
        for name, layer in weighted_layers(net)
    ]
    net.eval()
    try:
        with paddle.no_grad():
            net(images)
    finally:
        for hook in hooks:
            hook.remove()
    return spread


def mean_spread(
    model: str,
    init: str,
    ranges: Mapping[str, Sequence[float]],
    *,
    images: int,
    seed: int,
    draws: int,
) -> dict[str, dict[str, Spread]]:
    """Average :func:`measure_spread` over nets of five classes that differ in their seed.

    Args:
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        init: A key of :data:`paddle_alexnet.nets.init.INITS`.
        ranges: For each name the std that pixels on [0, 1] are divided by, per channel.
        images: Pictures of noise, >= 2.
        seed: Of the noise, and of the first weights.
        draws: Nets, >= 1.

    Returns:
        For each name in ``ranges`` the spread of each layer.
    """
    size = MODELS[model].preprocessing.input_size
    pixels = noise_images(images, size, seed)
    mean = pixels.mean(axis=(0, 1, 2)) / 255
    inputs = {name: Normalize(mean, std)(paddle.to_tensor(pixels)) for name, std in ranges.items()}
    measured: dict[str, list[dict[str, Spread]]] = {name: [] for name in ranges}
    for draw in range(draws):
        paddle.seed(seed + draw)
        net = build_model(model, 5, lrn="fused", init=init)
        for name, batch in inputs.items():
            measured[name].append(measure_spread(net, batch))
    return {
        name: {
            layer: Spread(
                sum(draw[layer].difference for draw in nets) / draws,
                sum(draw[layer].size for draw in nets) / draws,
            )
            for layer in nets[0]
        }
        for name, nets in measured.items()
    }

"""Local response normalisation, the paper's section 3.3, in three forms that compute the same.

:class:`LRN` pools, as published; :class:`LocalResponseNorm` is Paddle's own; :class:`FusedLRN` is
the fastest on a CPU. :func:`build_norm` chooses.
"""

from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer, PyLayerContext
from paddle.nn import functional as F

from paddle_alexnet.nets.layers import in_float32

LRN_KINDS = ("avgpool3d", "builtin", "fused")


@dataclass(frozen=True)
class NormSettings:
    r"""What a response norm computes: ``a / (bias + alpha * mean(a**2))**beta``.

    The mean runs over a window of fixed size: places outside the feature map count as zeros, so the
    divisor is the same at the border as inside. ``alpha`` therefore multiplies the *mean* of the
    squares, as in Caffe, PyTorch, ONNX and the original code. The paper's formula multiplies their
    sum: pass ``alpha = local_size * 1e-4`` for the paper's 1e-4.

    Attributes:
        local_size: The paper's n, odd: channels in the window, or the side of a square.
        alpha: Weight of the mean square, > 0.
        beta: Exponent, > 0.
        bias: The paper's k, > 0.
        across_channels: True for a window over neighbouring channels (the paper), False for a
            square window within each feature map (Caffe's WITHIN_CHANNEL).
        towers: Parts of the channels that are normalised separately.

    Raises:
        ValueError: Even or non-positive ``local_size``, or another value that is not positive.
    """

    local_size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0
    across_channels: bool = True
    towers: int = 1

    def __post_init__(self) -> None:
        size = self.local_size
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"LRN local_size must be a positive whole number, got {size!r}")
        if size % 2 == 0:
            raise ValueError(
                f"LRN local_size must be odd so that the window has a centre, got {size}: use "
                f"{size - 1} or {size + 1}"
            )
        for name in ("alpha", "beta", "bias"):
            if not getattr(self, name) > 0:
                raise ValueError(f"LRN {name} must be greater than 0, got {getattr(self, name)!r}")

    def __str__(self) -> str:
        names = ("local_size", "alpha", "beta", "bias", "across_channels")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


def build_norm(
    kind: str, channels: int, settings: NormSettings, data_format: str = "NCHW"
) -> nn.Layer:
    """Build a response norm in one of its forms, all equal to rounding.

    Args:
        kind: ``avgpool3d`` for :class:`LRN`, ``builtin`` for Paddle's own (within feature maps
            there is none, so :class:`LRN`), ``fused`` for :class:`FusedLRN`.
        channels: Of the input.
        settings: What it computes.
        data_format: Axes of the feature maps, ``NCHW`` or ``NHWC``.

    Raises:
        ValueError: ``kind`` is not one of :data:`LRN_KINDS`.
    """
    if kind not in LRN_KINDS:
        raise ValueError(f"unknown lrn {kind!r}: choose one of {', '.join(LRN_KINDS)}")
    if kind == "fused":
        return FusedLRN(channels, settings, data_format)
    s = settings
    if kind == "builtin" and s.across_channels:
        # Its docstring shows the sum; its code divides by the window, so alpha is the mean's.
        norm = LocalResponseNorm(s.local_size, s.alpha, s.beta, s.bias, data_format)
    else:
        norm = LRN(
            s.local_size, s.alpha, s.beta, s.bias, s.across_channels, data_format=data_format
        )
    return norm if s.towers == 1 else Towers(norm, s.towers, data_format)


class LRN(nn.Layer):
    """Response norm by average pooling: AvgPool3D across channels, as published, or AvgPool2D.

    Args:
        local_size: As for :class:`NormSettings`; so are ``alpha``, ``beta``, ``bias`` and
            ``across_channels``. The defaults are the article's.
        alpha: See there.
        beta: See there.
        bias: See there.
        across_channels: See there.
        data_format: Axes of the feature maps, ``NCHW`` or ``NHWC``.

    Shape:
        Input and output: float tensor [N, C, H, W], or [N, H, W, C].

    Raises:
        ValueError: A value is out of its range, or an input is not of rank 4.
    """

    def __init__(
        self,
        local_size: int = 1,
        alpha: float = 1.0,
        beta: float = 0.75,
        bias: float = 1.0,
        across_channels: bool = False,
        *,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__()
        self.settings = NormSettings(local_size, alpha, beta, bias, across_channels)
        # exclusive=False makes padding count. Paddle's default leaves it out of the divisor, so
        # the window of a border channel would be averaged over fewer than local_size terms.
        half = local_size // 2
        if across_channels:
            window, zeros = (local_size, 1, 1), (half, 0, 0)
            if data_format == "NHWC":
                window, zeros = window[::-1], zeros[::-1]
            self.average = nn.AvgPool3D(window, stride=1, padding=zeros, exclusive=False)
        else:
            self.average = nn.AvgPool2D(
                local_size, stride=1, padding=half, exclusive=False, data_format=data_format
            )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x`` of rank 4; same shape and dtype."""
        if x.ndim != 4:
            raise ValueError(f"LRN takes a tensor [N, C, H, W], got rank {x.ndim}: {list(x.shape)}")
        return in_float32(self._normalise, x)

    def _normalise(self, x: paddle.Tensor) -> paddle.Tensor:
        square = x.square()
        if self.settings.across_channels:
            # AvgPool3D slides over depth: let the channels be the depth of a single channel, or, as
            # the last axis, its width.
            mean = self.average(square.unsqueeze(1)).squeeze(1)
        else:
            mean = self.average(square)
        s = self.settings
        return x * inverse_power(mean * s.alpha + s.bias, s.beta)

    def extra_repr(self) -> str:
        """The settings, as shown by ``print(layer)``."""
        return str(self.settings)


class LocalResponseNorm(nn.LocalResponseNorm):
    """``paddle.nn.LocalResponseNorm``, which has no bfloat16 kernel, in float32."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape and dtype."""
        return in_float32(super().forward, x)


class Towers(nn.Layer):
    """Apply a norm across channels to equal parts of them, each separately.

    Args:
        layer: The norm of one part.
        towers: Number of parts.
        data_format: As ``layer`` has it.

    Shape:
        Input and output: float tensor [N, towers * C, H, W], with C the channels of ``layer``, or
        [N, H, W, towers * C].
    """

    def __init__(self, layer: nn.Layer, towers: int, data_format: str = "NCHW") -> None:
        super().__init__()
        self.layer = layer
        self.towers = towers
        self.data_format = data_format

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape."""
        if self.data_format == "NHWC":
            # Each part becomes a place of its own; places do not mix.
            _, height, width, channels = x.shape
            parts = x.reshape([-1, height, width * self.towers, channels // self.towers])
            return self.layer(parts).reshape([-1, height, width, channels])
        # Each part becomes an image of its own.
        _, channels, height, width = x.shape
        parts = x.reshape([-1, channels // self.towers, height, width])
        return self.layer(parts).reshape([-1, channels, height, width])


class FusedLRN(nn.Layer):
    """Response norm as a product with a band matrix, several times faster on a CPU than the others.

    The window's mean across channels is a product with a band matrix, [C, C] with 1 / n within
    n // 2 of the diagonal (blocks of it for towers), which BLAS computes faster than any pooling
    kernel. While Paddle runs operator by operator the gradient is the formula's own,

    ``dx = g s**-beta - 2 alpha beta x mean(g x s**(-beta - 1))``, ``s = bias + alpha mean(x**2)``
    (the mean is its own adjoint, as the window is symmetric and has the same size everywhere), in
    half the passes over memory that automatic differentiation takes. In a compiled graph the mean
    is a convolution with fixed weights: there a product's gradient with one fixed factor ends the
    process, and that of average pooling is wrong (Paddle 3.3 with oneDNN, measured).

    Args:
        channels: C of the input.
        settings: What it computes.
        data_format: Axes of the feature maps, ``NCHW`` or ``NHWC``.

    Shape:
        Input and output: float tensor [N, channels, H, W], or [N, H, W, channels].
    """

    def __init__(self, channels: int, settings: NormSettings, data_format: str = "NCHW") -> None:
        super().__init__()
        self.settings = settings
        self.data_format = data_format
        size = settings.local_size
        if settings.across_channels:
            place = np.arange(channels)
            near = np.abs(np.subtract.outer(place, place)) <= size // 2
            tower = place // (channels // settings.towers)
            kernel = (near & np.equal.outer(tower, tower))[:, :, None, None] / size
        else:
            kernel = np.full((channels, 1, size, size), 1 / size**2)
        kernel = paddle.to_tensor(kernel.astype(np.float32))
        self.register_buffer("kernel", kernel, persistable=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape and dtype."""
        return in_float32(self._normalise, x)

    def _normalise(self, x: paddle.Tensor) -> paddle.Tensor:
        if paddle.in_dynamic_mode():
            return _ByFormula.apply(x, self)
        # For inference a product: oneDNN has no square, and reorders the feature maps to Paddle's
        # layout and back. In training a product's gradient takes far longer than the square's.
        squares = x.square() if self.training else x * x
        s = self.settings
        divisor = paddle.scale(self._mean_in_graph(squares), scale=s.alpha, bias=s.bias)
        return x * inverse_power(divisor, s.beta)

    def mean(self, values: paddle.Tensor, weight: float = 1.0) -> paddle.Tensor:
        """Over the window around each place, zeros outside counted, times ``weight``."""
        if self.settings.across_channels:
            band = self.kernel.flatten(1) * weight  # symmetric
            if self.data_format == "NHWC":
                return paddle.matmul(values, band)
            return paddle.matmul(band, values.flatten(2)).reshape(values.shape)
        size = self.settings.local_size
        mean = F.avg_pool2d(
            values, size, 1, size // 2, exclusive=False, data_format=self.data_format
        )
        return mean.scale_(weight)

    def _mean_in_graph(self, values: paddle.Tensor) -> paddle.Tensor:
        if self.settings.across_channels:
            return F.conv2d(values, self.kernel, data_format=self.data_format)
        groups, half = self.kernel.shape[0], self.settings.local_size // 2
        return F.conv2d(
            values, self.kernel, padding=half, groups=groups, data_format=self.data_format
        )

    def extra_repr(self) -> str:
        """The settings, as shown by ``print(layer)``."""
        return str(self.settings)


class _ByFormula(PyLayer):
    """In place where it can be: on a CPU these steps wait for memory."""

    @staticmethod
    def forward(ctx: PyLayerContext, x: paddle.Tensor, layer: FusedLRN) -> paddle.Tensor:
        s = layer.settings
        divisor = layer.mean(x.square()).scale_(s.alpha, s.bias)
        power = inverse_power(divisor, s.beta, in_place=True)
        ctx.save_for_backward(x, divisor, power)
        ctx.layer = layer
        return x * power

    @staticmethod
    def backward(ctx: PyLayerContext, gradient: paddle.Tensor) -> paddle.Tensor:
        x, divisor, power = ctx.saved_tensor()
        s = ctx.layer.settings
        direct = gradient * power
        around = ctx.layer.mean((direct * x).divide_(divisor), 2 * s.alpha * s.beta)
        return direct.subtract_(around.multiply_(x))


def inverse_power(x: paddle.Tensor, beta: float, in_place: bool = False) -> paddle.Tensor:
    """``x ** -beta`` for x > 0; for 0.75 by roots, ten times as fast as Paddle's pow on a CPU.

    ``in_place`` saves a pass over memory where no gradient is wanted. ``x`` stays as it is.
    """
    if beta == 0.75:
        root = x.rsqrt()
        return root.sqrt().multiply_(root) if in_place else root.sqrt() * root
    return x.pow(-beta)

"""Local response normalisation, the paper's section 3.3, in three forms equal to rounding.

``avgpool3d`` is :class:`LRN`, built from pooling layers; ``builtin`` is Paddle's own layer;
``fused`` is :class:`FusedLRN`, the fastest on a CPU. :func:`build_lrn` builds each from the same
settings, :class:`paddle_alexnet.nets.stages.Norm` or :class:`~paddle_alexnet.nets.stages.MapNorm`.
"""

from collections.abc import Callable

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer, PyLayerContext
from paddle.nn import functional as F

from paddle_alexnet.nets.stages import MapNorm, Norm, ResponseNorm

LRN_KINDS = ("avgpool3d", "builtin", "fused")
SHORT_FLOATS = (paddle.float16, paddle.bfloat16)


def build_lrn(
    kind: str, settings: ResponseNorm, channels: int, data_format: str = "NCHW"
) -> nn.Layer:
    """Build a response norm in one of its equivalent forms.

    Args:
        kind: One of :data:`LRN_KINDS`. Paddle has no layer for the norm within feature maps, so
            ``builtin`` is :class:`LRN` there. (The docstring of Paddle's own layer shows the sum of
            the squares; its code divides by the window, so all kinds read ``alpha`` alike.)
        settings: The norm.
        channels: Of the input.
        data_format: ``NCHW`` or ``NHWC``.

    Raises:
        ValueError: ``kind`` is not known.
    """
    if kind not in LRN_KINDS:
        raise ValueError(f"unknown lrn {kind!r}: choose one of {', '.join(LRN_KINDS)}")
    if kind == "fused":
        return FusedLRN(channels, settings, data_format)
    values = settings.local_size, settings.alpha, settings.beta, settings.bias
    if kind == "builtin" and settings.across_channels:
        layer = LocalResponseNorm(*values, data_format=data_format)
    else:
        layer = LRN(*values, settings.across_channels, data_format=data_format)
    towers = settings.towers if isinstance(settings, Norm) else 1
    return layer if towers == 1 else Towers(layer, towers, data_format)


def in_float32(
    function: Callable[[paddle.Tensor], paddle.Tensor], x: paddle.Tensor
) -> paddle.Tensor:
    """``function(x)``, computed in float32 where mixed precision has something shorter.

    The square of 256 is more than float16 can hold, and Paddle would run a norm's products,
    convolutions and poolings in float16, as it does others.

    Args:
        function: From a tensor to a tensor.
        x: float; float16 and bfloat16 are widened before ``function`` sees them.

    Returns:
        The result, of the dtype of ``x``.
    """
    with paddle.amp.auto_cast(enable=False):
        if x.dtype in SHORT_FLOATS:
            return function(x.astype("float32")).astype(x.dtype)
        return function(x)


def inverse_power(x: paddle.Tensor, beta: float, in_place: bool = False) -> paddle.Tensor:
    """``x ** -beta`` for x > 0; for 0.75 by roots, ten times as fast as Paddle's pow on a CPU.

    ``in_place`` saves a pass over memory where no gradient is wanted. ``x`` is not changed.
    """
    if beta == 0.75:
        root = x.rsqrt()
        return root.sqrt().multiply_(root) if in_place else root.sqrt() * root
    return x.pow(-beta)


class _ResponseNormLayer(nn.Layer):
    """What :class:`LRN` and :class:`FusedLRN` share.

    Attributes:
        settings: The norm.
        data_format: ``NCHW`` or ``NHWC``.
    """

    def __init__(self, settings: ResponseNorm, data_format: str) -> None:
        super().__init__()
        self.settings = settings
        self.data_format = data_format

    def extra_repr(self) -> str:
        """The settings, as shown by ``print(layer)``."""
        names = ("local_size", "alpha", "beta", "bias", "across_channels")
        return ", ".join(f"{name}={getattr(self.settings, name)}" for name in names)


class LRN(_ResponseNormLayer):
    """Divide every activation by the activity around it; the formula is :class:`ResponseNorm`'s.

    The divisor is the same at the border as inside, as positions outside count as zeros.

    Args:
        local_size: Window length n, odd: channels, or the side of a square within one feature map.
        alpha: Weight of the *mean* square, > 0. For the paper's 1e-4, which multiplies the sum,
            pass ``local_size * 1e-4``.
        beta: Exponent, > 0.
        bias: The paper's k, > 0.
        across_channels: True for a window over ``local_size`` neighbouring channels (the paper),
            False for a ``local_size`` x ``local_size`` window within each feature map (Caffe's
            WITHIN_CHANNEL; the divisor is ``local_size ** 2``).
        data_format: ``NCHW`` or ``NHWC``.

    Shape:
        Input and output: float tensor [N, C, H, W], or [N, H, W, C].

    Raises:
        ValueError: Even or non-positive ``local_size``, another value not positive, or an input
            that is not of rank 4.
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
        super().__init__(
            (Norm if across_channels else MapNorm)(alpha, bias, beta, local_size), data_format
        )
        # exclusive=False makes padding count. Paddle's default leaves it out of the divisor, so
        # the window of a border channel would be averaged over fewer than local_size terms.
        half = local_size // 2
        if across_channels:
            window, zeros = (local_size, 1, 1), (half, 0, 0)
            if data_format == "NHWC":
                window, zeros = window[::-1], zeros[::-1]
            self.average = nn.AvgPool3D(window, 1, zeros, exclusive=False)
        else:
            self.average = nn.AvgPool2D(
                local_size, 1, half, exclusive=False, data_format=data_format
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
        divisor = mean * self.settings.alpha + self.settings.bias
        return x * inverse_power(divisor, self.settings.beta)


class LocalResponseNorm(nn.LocalResponseNorm):
    """``paddle.nn.LocalResponseNorm``, which does not take bfloat16, in float32."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape and dtype."""
        return in_float32(super().forward, x)


class Towers(nn.Layer):
    """Apply a norm across channels to equal parts of them, each separately.

    Args:
        layer: The norm of one part.
        towers: Parts.
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


class FusedLRN(_ResponseNormLayer):
    """:class:`LRN` several times faster on a CPU, equal to rounding; its gradient is by hand.

    The window's mean across channels is a product with a band matrix, [C, C] with 1 / n within
    n // 2 of the diagonal, which BLAS computes faster than any pooling kernel. While Paddle runs
    operator by operator the gradient is the formula's own,

    ``dx = g s**-beta - 2 alpha beta x mean(g x s**(-beta - 1))``, ``s = bias + alpha mean(x**2)``
    (the mean is its own adjoint, as the window is symmetric and has the same size everywhere), in
    half the passes over memory that automatic differentiation takes. In a compiled graph the mean
    is a convolution with fixed weights: there a product's gradient with one fixed factor ends the
    process, and that of average pooling is wrong (Paddle 3.3 with oneDNN, measured).

    Args:
        channels: C of the input.
        settings: The norm.
        data_format: ``NCHW`` or ``NHWC``.

    Shape:
        Input and output: float tensor [N, channels, H, W], or [N, H, W, channels].
    """

    def __init__(self, channels: int, settings: ResponseNorm, data_format: str = "NCHW") -> None:
        super().__init__(settings, data_format)
        self.channels = channels
        size = settings.local_size
        if isinstance(settings, Norm):
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
        # A product: oneDNN has no square, and Paddle's may be written over an ``x`` that is still
        # needed. In training its gradient is to have Paddle's memory layout, which a copy has.
        squares = paddle.assign(x * x) if self.training else x * x
        settings = self.settings
        groups, half = (1, 0) if settings.across_channels else (self.channels, self._half)
        mean = F.conv2d(
            squares, self.kernel, padding=half, groups=groups, data_format=self.data_format
        )
        divisor = paddle.scale(mean, scale=settings.alpha, bias=settings.bias)
        return x * inverse_power(divisor, settings.beta)

    def mean(self, values: paddle.Tensor, weight: float = 1.0) -> paddle.Tensor:
        """Over the window around each place, zeros outside counted, times ``weight``."""
        if self.settings.across_channels:
            band = self.kernel.flatten(1) * weight  # symmetric
            if self.data_format == "NHWC":
                return paddle.matmul(values, band)
            return paddle.matmul(band, values.flatten(2)).reshape(values.shape)
        mean = F.avg_pool2d(
            *(values, self.settings.local_size, 1, self._half),
            exclusive=False,
            data_format=self.data_format,
        )
        return mean.scale_(weight)

    @property
    def _half(self) -> int:
        return self.settings.local_size // 2


class _ByFormula(PyLayer):
    """In place where it can be: on a CPU these steps wait for memory."""

    @staticmethod
    def forward(ctx: PyLayerContext, x: paddle.Tensor, layer: FusedLRN) -> paddle.Tensor:
        settings = layer.settings
        divisor = layer.mean(x.square()).scale_(settings.alpha, settings.bias)
        power = inverse_power(divisor, settings.beta, in_place=True)
        ctx.save_for_backward(x, divisor, power)
        ctx.layer = layer
        return x * power

    @staticmethod
    def backward(ctx: PyLayerContext, gradient: paddle.Tensor) -> paddle.Tensor:
        x, divisor, power = ctx.saved_tensor()
        layer = ctx.layer
        direct = gradient * power
        weight = 2 * layer.settings.alpha * layer.settings.beta
        around = layer.mean((direct * x).divide_(divisor), weight)
        return direct.subtract_(around.multiply_(x))

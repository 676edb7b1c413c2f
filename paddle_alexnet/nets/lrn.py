"""The response norm as a product with a band matrix, with its gradient by hand: the fast form."""

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer, PyLayerContext
from paddle.nn import functional as F

from paddle_alexnet.nets.layers import data_format, in_float32


class FusedLRN(nn.Layer):
    """:class:`paddle_alexnet.nets.lrn.LRN` several times faster on a CPU, equal to rounding.

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
        local_size: n, odd.
        alpha: Weight of the mean square, > 0.
        beta: Exponent, > 0.
        bias: The paper's k, > 0.
        across_channels: False for a window of n x n within each map.
        towers: Parts of the channels that are normalised by themselves.
        channels_last: Whether the channels are the last axis.

    Shape:
        Input and output: float tensor [N, channels, H, W], or [N, H, W, channels].
    """

    def __init__(
        self,
        channels: int,
        local_size: int,
        alpha: float,
        beta: float,
        bias: float,
        *,
        across_channels: bool = True,
        towers: int = 1,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.local_size = local_size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias
        self.across_channels = across_channels
        self.channels_last = channels_last
        self.layout = data_format(channels_last)
        if across_channels:
            place = np.arange(channels)
            near = np.abs(np.subtract.outer(place, place)) <= local_size // 2
            tower = place // (channels // towers)
            kernel = (near & np.equal.outer(tower, tower))[:, :, None, None] / local_size
        else:
            kernel = np.full((channels, 1, local_size, local_size), 1 / local_size**2)
        kernel = paddle.to_tensor(kernel.astype(np.float32))
        self.register_buffer("kernel", kernel, persistable=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape and dtype."""
        return in_float32(self._normalise, x)

    def _normalise(self, x: paddle.Tensor) -> paddle.Tensor:
        if paddle.in_dynamic_mode():
            return _ByFormula.apply(x, self)
        # For inference a product: oneDNN has no square, and brings the maps into Paddle's order and
        # back. In training a product's gradient takes far longer than the square's.
        squares = x.square() if self.training else x * x
        divisor = paddle.scale(self._mean_in_graph(squares), scale=self.alpha, bias=self.bias)
        return x * inverse_power(divisor, self.beta)

    def mean(self, values: paddle.Tensor, weight: float = 1.0) -> paddle.Tensor:
        """Over the window around each place, zeros outside counted, times ``weight``."""
        if self.across_channels:
            band = self.kernel.flatten(1) * weight  # symmetric
            if self.channels_last:
                return paddle.matmul(values, band)
            return paddle.matmul(band, values.flatten(2)).reshape(values.shape)
        half = self.local_size // 2
        mean = F.avg_pool2d(
            values, self.local_size, 1, half, exclusive=False, data_format=self.layout
        )
        return mean.scale_(weight)

    def _mean_in_graph(self, values: paddle.Tensor) -> paddle.Tensor:
        if self.across_channels:
            return F.conv2d(values, self.kernel, data_format=self.layout)
        groups, half = self.kernel.shape[0], self.local_size // 2
        return F.conv2d(values, self.kernel, padding=half, groups=groups, data_format=self.layout)

    def extra_repr(self) -> str:
        """The settings, as shown by ``print(layer)``."""
        return (
            f"local_size={self.local_size}, alpha={self.alpha}, beta={self.beta}, "
            f"bias={self.bias}, across_channels={self.across_channels}"
        )


class _ByFormula(PyLayer):
    """In place where it can be: on a CPU these steps wait for memory."""

    @staticmethod
    def forward(ctx: PyLayerContext, x: paddle.Tensor, layer: FusedLRN) -> paddle.Tensor:
        divisor = layer.mean(x.square()).scale_(layer.alpha, layer.bias)
        power = inverse_power(divisor, layer.beta, in_place=True)
        ctx.save_for_backward(x, divisor, power)
        ctx.layer = layer
        return x * power

    @staticmethod
    def backward(ctx: PyLayerContext, gradient: paddle.Tensor) -> paddle.Tensor:
        x, divisor, power = ctx.saved_tensor()
        layer = ctx.layer
        direct = gradient * power
        weight = 2 * layer.alpha * layer.beta
        around = layer.mean((direct * x).divide_(divisor), weight)
        return direct.subtract_(around.multiply_(x))


def inverse_power(x: paddle.Tensor, beta: float, in_place: bool = False) -> paddle.Tensor:
    """``x ** -beta`` for x > 0; for 0.75 by roots, ten times as fast as Paddle's pow on a CPU.

    ``in_place`` spares a pass over memory where no gradient is wanted. ``x`` stays as it is.
    """
    if beta == 0.75:
        root = x.rsqrt()
        return root.sqrt().multiply_(root) if in_place else root.sqrt() * root
    return x.pow(-beta)


# MERGED nets.lrn: Local response normalisation, the paper's section 3.3.


class LRN(nn.Layer):
    r"""Divide every activation by the activity around it.

    .. math:: b = a \,/\, (\text{bias} + \alpha \cdot \text{mean}(a^2))^\beta

    The mean runs over a window of fixed size: positions outside the map count as zeros, so the
    divisor is the same at the border as inside. ``alpha`` therefore multiplies the *mean* of the
    squares, as in Caffe, PyTorch, ONNX and the original code. The paper's formula multiplies their
    sum: pass ``alpha = local_size * 1e-4`` for the paper's 1e-4.

    Args:
        local_size: Window length n, odd: channels, or the side of a square within one map.
        alpha: Weight of the mean square, > 0.
        beta: Exponent, > 0.
        bias: The paper's k, > 0.
        across_channels: True for a window over ``local_size`` neighbouring channels (the paper),
            False for a ``local_size`` x ``local_size`` window within each map (Caffe's
            WITHIN_CHANNEL; the divisor is ``local_size ** 2``).
        channels_last: Whether the channels are the last axis.

    Shape:
        Input and output: float tensor [N, C, H, W], or [N, H, W, C] with ``channels_last``.

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
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        check_settings(local_size, alpha, beta, bias)
        self.local_size = local_size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias
        self.across_channels = across_channels
        # exclusive=False makes padding count. Paddle's default leaves it out of the divisor, so
        # the window of a border channel would be averaged over fewer than local_size terms.
        half = local_size // 2
        if across_channels:
            window, zeros = (local_size, 1, 1), (half, 0, 0)
            if channels_last:
                window, zeros = window[::-1], zeros[::-1]
            self.average = nn.AvgPool3D(
                kernel_size=window, stride=1, padding=zeros, exclusive=False
            )
        else:
            self.average = nn.AvgPool2D(
                kernel_size=local_size,
                stride=1,
                padding=half,
                exclusive=False,
                data_format=data_format(channels_last),
            )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x`` of rank 4; same shape and dtype."""
        if x.ndim != 4:
            raise ValueError(f"LRN takes a tensor [N, C, H, W], got rank {x.ndim}: {list(x.shape)}")
        return in_float32(self._normalise, x)

    def _normalise(self, x: paddle.Tensor) -> paddle.Tensor:
        square = x.square()
        if self.across_channels:
            # AvgPool3D slides over depth: let the channels be the depth of a single channel, or, as
            # the last axis, its width.
            mean = self.average(square.unsqueeze(1)).squeeze(1)
        else:
            mean = self.average(square)
        return x * inverse_power(mean * self.alpha + self.bias, self.beta)

    def extra_repr(self) -> str:
        """The settings, as shown by ``print(layer)``."""
        return (
            f"local_size={self.local_size}, alpha={self.alpha}, beta={self.beta}, "
            f"bias={self.bias}, across_channels={self.across_channels}"
        )


class LocalResponseNorm(nn.LocalResponseNorm):
    """``paddle.nn.LocalResponseNorm``, which knows no bfloat16, in float32."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape and dtype."""
        return in_float32(super().forward, x)


class Towers(nn.Layer):
    """Apply a norm across channels to equal parts of them, each by itself.

    Args:
        layer: The norm of one part.
        towers: Parts.
        channels_last: As ``layer`` has it.

    Shape:
        Input and output: float tensor [N, towers * C, H, W], with C the channels of ``layer``, or
        [N, H, W, towers * C].
    """

    def __init__(self, layer: nn.Layer, towers: int, *, channels_last: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.towers = towers
        self.channels_last = channels_last

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Normalise ``x``; same shape."""
        if self.channels_last:
            # Each part becomes a place of its own; places do not mix.
            _, height, width, channels = x.shape
            parts = x.reshape([-1, height, width * self.towers, channels // self.towers])
            return self.layer(parts).reshape([-1, height, width, channels])
        # Each part becomes an image of its own.
        _, channels, height, width = x.shape
        parts = x.reshape([-1, channels // self.towers, height, width])
        return self.layer(parts).reshape([-1, channels, height, width])


def check_settings(local_size: int, alpha: float, beta: float, bias: float) -> None:
    """Check what all forms of the norm take.

    Raises:
        ValueError: Even or non-positive ``local_size``, or another value that is not positive.
    """
    if isinstance(local_size, bool) or not isinstance(local_size, int) or local_size < 1:
        raise ValueError(f"LRN local_size must be a positive whole number, got {local_size!r}")
    if local_size % 2 == 0:
        raise ValueError(
            f"LRN local_size must be odd so that the window has a centre, got {local_size}: "
            f"use {local_size - 1} or {local_size + 1}"
        )
    for name, value in (("alpha", alpha), ("beta", beta), ("bias", bias)):
        if not value > 0:
            raise ValueError(f"LRN {name} must be greater than 0, got {value!r}")


LRN_KINDS = ("avgpool3d", "builtin", "fused")


def channel_lrn(
    kind: str,
    channels: int,
    *,
    local_size: int,
    alpha: float,
    beta: float = 0.75,
    bias: float = 1.0,
    towers: int = 1,
    channels_last: bool = False,
) -> nn.Layer:
    """Build the across-channel norm in one of its equivalent forms.

    Args:
        kind: ``avgpool3d`` for :class:`LRN`, ``builtin`` for Paddle's own,
            ``fused`` for :class:`paddle_alexnet.nets.lrn.FusedLRN`.
        channels: Of the input.
        local_size: Channels in the window, odd.
        alpha: Weight of the *mean* square. (The docstring of Paddle's own layer shows the sum; its
            code divides by the window, so all kinds read ``alpha`` alike.)
        beta: Exponent.
        bias: The paper's k.
        towers: Parts of the channels that are normalised by themselves.
        channels_last: Whether the channels are the last axis.

    Raises:
        ValueError: ``kind`` is not one of :data:`LRN_KINDS`, or a value is out of its range.
    """
    _check_kind(kind)
    check_settings(local_size, alpha, beta, bias)
    if kind == "fused":
        return FusedLRN(
            channels, local_size, alpha, beta, bias, towers=towers, channels_last=channels_last
        )
    if kind == "avgpool3d":
        layer = LRN(
            local_size, alpha, beta, bias, across_channels=True, channels_last=channels_last
        )
    else:
        layout = data_format(channels_last)
        layer = LocalResponseNorm(local_size, alpha, beta, bias, data_format=layout)
    return layer if towers == 1 else Towers(layer, towers, channels_last=channels_last)


def map_lrn(
    kind: str,
    channels: int,
    *,
    local_size: int,
    alpha: float,
    beta: float = 0.75,
    bias: float = 1.0,
    channels_last: bool = False,
) -> nn.Layer:
    """Build the norm within maps; arguments and errors as :func:`channel_lrn`.

    Paddle has no layer for it, so ``builtin`` is :class:`LRN` as well.
    """
    _check_kind(kind)
    check_settings(local_size, alpha, beta, bias)
    if kind == "fused":
        return FusedLRN(
            *(channels, local_size, alpha, beta, bias),
            across_channels=False,
            channels_last=channels_last,
        )
    return LRN(local_size, alpha, beta, bias, channels_last=channels_last)


def _check_kind(kind: str) -> None:
    if kind not in LRN_KINDS:
        raise ValueError(f"unknown lrn {kind!r}: choose one of {', '.join(LRN_KINDS)}")

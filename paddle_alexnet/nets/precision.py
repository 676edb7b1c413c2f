"""Computing in float32 in the midst of mixed precision."""

from collections.abc import Callable

import paddle

HALF = (paddle.float16, paddle.bfloat16)


def in_float32(
    function: Callable[[paddle.Tensor], paddle.Tensor], x: paddle.Tensor
) -> paddle.Tensor:
    """``function(x)``, computed in float32 where mixed precision has something shorter.

    For response norms: the square of 256 is more than float16 can hold, and Paddle would take their
    products, convolutions and poolings for such that may be in float16.

    Args:
        function: From a tensor to one.
        x: float; float16 and bfloat16 are widened before ``function`` sees them.

    Returns:
        The result, of the dtype of ``x``.
    """
    with paddle.amp.auto_cast(enable=False):
        if x.dtype in HALF:
            return function(x.astype("float32")).astype(x.dtype)
        return function(x)

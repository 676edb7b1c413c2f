"""What Paddle calls the two orders of a map's axes."""


def data_format(channels_last: bool) -> str:
    """``NHWC`` or ``NCHW``, as layers take it."""
    return "NHWC" if channels_last else "NCHW"

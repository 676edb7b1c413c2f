"""The still picture in an animated PNG."""

import struct

ANIMATION = (b"acTL", b"fcTL", b"fdAT")


def without_animation(data: bytes) -> bytes:
    """A PNG without its chunks of animation: what viewers show that know of none.

    OpenCV 5.0 ends the process (SIGSEGV) where the chunks of an animation are damaged in some ways.

    Args:
        data: A PNG whose chunks lie within it.
    """
    if not any(kind in data for kind in ANIMATION):
        return data
    kept, place = [data[:8]], 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind not in ANIMATION:
            kept.append(data[place : place + length + 12])
        place += length + 12
    return b"".join(kept)

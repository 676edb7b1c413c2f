"""What requests may cost, each and all together."""

import threading
import time
from dataclasses import dataclass

from paddle_alexnet.errors import ConfigError

# Times that the bytes of a body are in memory: as received, as parts of a form, and one part.
COPIES = 3
# Bytes for decoding a pixel: a progressive JPEG's coefficients (6) and RGB (3), or RGB and a turned
# copy of it (6); one is for what is allocated beside them.
PIXEL_BYTES = 10


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        body: Bytes of a request.
        pixels: Of an image; see :func:`paddle_alexnet.data.decode.decode_image`.
        memory: Bytes of all requests together that are being received, decoded or answered.
        images: In one request.
        connections: Open at the same time; others wait to be accepted.
        waiting: Requests that have arrived and wait for a thread.
        idle: Seconds after which a silent connection is closed.
        receiving: Seconds in which a request must arrive.
        answering: Seconds that a request waits for memory or for the net.
        ending: Seconds for requests under way when the server ends.

    Raises:
        ConfigError: One request of the largest size would not fit into the memory.
    """

    body: int = 32 * 2**20
    pixels: int = 64_000_000
    memory: int = 2**30
    images: int = 64
    connections: int = 512
    waiting: int = 256
    idle: float = 30.0
    receiving: float = 120.0
    answering: float = 30.0
    ending: float = 10.0

    def __post_init__(self) -> None:
        least = COPIES * self.body + PIXEL_BYTES * self.pixels
        if self.memory < least:
            raise ConfigError(
                f"--max-memory {self.memory} is not enough for one request of --max-bytes and "
                f"--max-pixels: set it to {least} or more, or lower these"
            )


class Memory:
    """Bytes that requests hold together, up to a total.

    Args:
        total: Bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self._changed = threading.Condition()

    def take(self, size: int, wait: float = 0.0) -> bool:
        """Take ``size`` bytes, within ``wait`` seconds; False if they did not become free."""
        end = time.monotonic() + wait
        with self._changed:
            while self.taken + size > self.total:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            self.taken += size
            return True

    def give(self, size: int) -> None:
        """Give back bytes that were taken."""
        if size:
            with self._changed:
                self.taken -= size
                self._changed.notify_all()

"""Ctrl-C and SIGTERM as a request to stop, so that a run can save a checkpoint first."""

import signal
from types import FrameType


class StopSignals:
    """While the ``with`` block runs, the first SIGINT or SIGTERM only sets ``received``.

    The previous handlers are then restored, so that a second signal takes effect at once.

    Attributes:
        received: Signal number, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def requested(self) -> bool:
        """Whether a signal was received."""
        return self.received is not None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

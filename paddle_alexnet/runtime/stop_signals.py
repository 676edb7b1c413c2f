"""Ctrl-C, SIGTERM and a lost terminal as a request to stop, so that a run saves first."""

import signal
import threading
from types import FrameType

STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class StopSignals:
    """While the ``with`` block runs, the first SIGINT, SIGTERM or SIGHUP only sets ``received``.

    The previous handlers are then restored, so that a second signal takes effect at once. A signal
    that is ignored, as SIGHUP under nohup, stays ignored. In a thread nothing is changed.

    Attributes:
        received: Signal number, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if signal.getsignal(number) != signal.SIG_IGN:
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

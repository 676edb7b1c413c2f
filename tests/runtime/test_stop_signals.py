"""Signals as requests to stop."""

import os
import signal

import pytest

from paddle_alexnet.runtime.stop_signals import StopSignals


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process instead of sending it a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_requests_and_the_second_acts(number):
    before = signal.getsignal(number)
    acted = []
    signal.signal(number, lambda *args: acted.append(args))
    try:
        with StopSignals() as stop:
            assert not stop.requested()
            os.kill(os.getpid(), number)
            assert stop.requested()
            assert stop.received == number
            assert acted == []
            os.kill(os.getpid(), number)
            assert len(acted) == 1
        os.kill(os.getpid(), number)
        assert len(acted) == 2
    finally:
        signal.signal(number, before)

"""Signals as requests to stop."""

import os
import signal
import threading

import pytest

from paddle_alexnet.runtime.stop_signals import STOPPING, StopSignals


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process instead of sending it a signal")
@pytest.mark.parametrize("number", STOPPING)
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


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no terminals")
def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_thread_leaves_signals_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with StopSignals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]

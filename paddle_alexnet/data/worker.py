"""A process that loads pictures for one that trains. Nothing here loads Paddle."""

import multiprocessing
import os
import signal
import threading
from multiprocessing import connection


def start_worker() -> None:
    """Set up this process.

    Ctrl-C and SIGTERM, which may be sent to all, are for the one that trains: it saves itself and
    ends the others. Where it is killed it cannot, so the others watch for its end.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)

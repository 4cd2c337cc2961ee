"""Processes that leave it to their parent to be interrupted."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted_workers() -> Iterator[None]:
    """Processes started within do not get SIGINT, with which each would print a traceback.

    Ctrl-C reaches all processes of a terminal; the one that started the others ends them. A signal
    that comes meanwhile reaches this process at the end of the block.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

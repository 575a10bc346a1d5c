"""How long to wait for somebody else."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def within(seconds: int, error: Exception) -> Iterator[None]:
    """Do something in the main thread, and fail with an error when it takes longer.

    A network that goes away says nothing to the device: sshd may wait for hours.
    """

    def end(*_: object) -> NoReturn:
        raise error

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)

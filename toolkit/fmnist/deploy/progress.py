"""Progress of one device among several, each line behind the device's name."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable

from fmnist.text.progress import Progress, say
from fmnist.text.tables import size

_ONE_AT_A_TIME = threading.Lock()
_STEPS = 100


class Teller:
    """Says what is done with one device."""

    def __init__(self, host: str, alone: bool) -> None:
        """Speak for a device.

        Args:
            host: What the user calls it.
            alone: Whether there is no other, so that a bar has the terminal's last line for itself.
        """
        self._host, self._alone = host, alone
        self._bar: Progress | None = None

    def say(self, line: str) -> None:
        """One line, in place of a bar."""
        if self._bar:
            self._bar.remove()
            self._bar = None
        with _ONE_AT_A_TIME:
            say(f"{self._host}: {line}")

    def sending(self, total: int) -> Callable[[int], None]:
        """Follow the sending of so many bytes; what is returned is called with each number of them."""
        stream = None if self._alone else _Lines()
        progress = self._bar = Progress(f"{self._host}: per cent of {size(total)} sent:", _STEPS, stream)
        sent = steps = 0

        def count(number: int) -> None:
            nonlocal sent, steps
            sent += number
            while steps < _STEPS * sent // total:
                steps += 1
                progress.step()

        return count


class _Lines(io.StringIO):
    """Standard error as something that is no terminal, for a bar of many."""

    def write(self, text: str) -> int:
        with _ONE_AT_A_TIME:
            return sys.stderr.write(text) if sys.stderr else 0

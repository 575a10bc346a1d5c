"""Progress of long work on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import TextIO

from fmnist.text.colours import paint_outcome, takes_colours
from fmnist.text.tables import printable

_WIDTH = 30
_PLAIN_STEPS = 1000
_PLAIN_S = 10
"""After so many steps, or seconds, of which nothing is said there is a line where there is no bar."""
_ERASE_LINE = "\r\x1b[K"


class Progress:
    """Steps of one piece of work."""

    def __init__(
        self,
        label: str,
        total: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at nothing done.

        Args:
            label: What is being done.
            total: Number of steps; 0 when it is not known, or not of interest.
            stream: Where to; standard error when None.
            clock: Tells the time in seconds.
        """
        self._label, self._total, self._done = label, total, 0
        self._stream = stream or sys.stderr or io.StringIO()  # where the caller closed it, nobody listens
        self._terminal = self._stream.isatty()
        self._clock = clock
        self._begin = self._said = clock()
        self._noted = False

    def step(self, line: str | None = None) -> None:
        """Count one step as done, and say what came of it."""
        self._done += 1
        if self._terminal and (self._total or self._noted):
            self._stream.write(_ERASE_LINE)
        if line:
            self._stream.write(f"{line}\n")
        elif not self._terminal and self._total and self._is_time():
            self._stream.write(f"{self._label} {self._done:,} of {self._total:,}{self._left()}\n")
            self._said = self._clock()
        if self._terminal and self._done < self._total:
            filled = _WIDTH * self._done // self._total
            bar = "█" * filled + "░" * (_WIDTH - filled)
            self._stream.write(f"{self._label} {bar} {self._done}/{self._total}{self._left()}")
        self._stream.flush()

    def note(self, text: str) -> None:
        """Say what is done now: at once on a terminal, elsewhere at first and from time to time."""
        line = f"{self._label} {self._done:,} of {self._total:,}: {printable(text)}"
        if self._terminal:
            self._stream.write(f"{_ERASE_LINE}{line}")
        elif not self._noted or self._clock() - self._said >= _PLAIN_S:
            self._stream.write(f"{line}\n")
            self._said = self._clock()
        self._noted = True
        self._stream.flush()

    def remove(self) -> None:
        """Take the bar away, when the work ended before its last step."""
        if self._terminal and (self._noted or 0 < self._done < self._total):
            self._stream.write(_ERASE_LINE)
            self._stream.flush()

    def _is_time(self) -> bool:
        return self._done % _PLAIN_STEPS == 0 or self._clock() - self._said >= _PLAIN_S

    def _left(self) -> str:
        """What remains at the pace so far; nothing about less than a second."""
        seconds = (self._clock() - self._begin) / self._done * (self._total - self._done)
        if seconds < 1:
            return ""
        return f", {seconds / 60:.0f} min left" if seconds >= 100 else f", {seconds:.0f} s left"


@cache
def _say_once(line: str) -> None:
    say(line)


def say_notes(notes: Iterable[str]) -> None:
    """What a person should know of a file, each line once, however often the file is read."""
    for note in notes:
        _say_once(note)


def say(line: str) -> None:
    """One line of progress."""
    if sys.stderr is not None:  # else print would take standard output
        text = printable(line)
        print(paint_outcome(text) if takes_colours(sys.stderr) else text, file=sys.stderr, flush=True)

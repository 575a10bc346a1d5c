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
"""Without a bar, a line is printed after this number of silent steps or seconds."""
_ERASE_LINE = "\r\x1b[K"


class Progress:
    """The progress of a task in steps."""

    def __init__(
        self,
        label: str,
        total: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with no step done, on standard error if no stream is given; a total of 0 shows no bar.

        The clock returns the time in seconds.
        """
        self._label, self._total, self._done = label, total, 0
        self._stream = stream or sys.stderr or io.StringIO()  # None if the caller closed it
        self._terminal = self._stream.isatty()
        self._clock = clock
        self._begin = self._said = clock()
        self._noted = False

    def step(self, line: str | None = None) -> None:
        """Count a step as done, and print its result, if given."""
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
        """Show the current activity: always on a terminal, elsewhere at first and then from time to time."""
        line = f"{self._label} {self._done:,} of {self._total:,}: {printable(text)}"
        if self._terminal:
            self._stream.write(f"{_ERASE_LINE}{line}")
        elif not self._noted or self._clock() - self._said >= _PLAIN_S:
            self._stream.write(f"{line}\n")
            self._said = self._clock()
        self._noted = True
        self._stream.flush()

    def remove(self) -> None:
        """Remove the bar if the task ended before its last step."""
        if self._terminal and (self._noted or 0 < self._done < self._total):
            self._stream.write(_ERASE_LINE)
            self._stream.flush()

    def _is_time(self) -> bool:
        return self._done % _PLAIN_STEPS == 0 or self._clock() - self._said >= _PLAIN_S

    def _left(self) -> str:
        """Return the estimated time left; empty below one second."""
        seconds = (self._clock() - self._begin) / self._done * (self._total - self._done)
        if seconds < 1:
            return ""
        return f", {seconds / 60:.0f} min left" if seconds >= 100 else f", {seconds:.0f} s left"


def say_notes(notes: Iterable[str]) -> None:
    """Print notes on a file, each line once, even if the file is read several times."""
    for note in notes:
        _say_once(note)


def say(line: str) -> None:
    """Print a line on standard error."""
    if sys.stderr is not None:  # else print would use standard output
        text = printable(line)
        print(paint_outcome(text) if takes_colours(sys.stderr) else text, file=sys.stderr, flush=True)


_say_once = cache(say)

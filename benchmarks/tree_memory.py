"""Memory and time of a command with all the processes that it starts, for what works in several.

The memory is the sum of their proportional set sizes: a page that several hold, as a forked process does,
counts once. It is read every 50 ms, so a peak shorter than that may be missed, and pages that other programs
on the machine hold too, such as TensorFlow's library, count for less: measure on a quiet machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trained import ROOT

PERIOD_S = 0.05
KILLED_BYTES = 8_000_000_000
"""A command that takes more is ended, with its process group, before it takes the machine's last memory."""
_PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """What a command took."""

    exit: int
    """Its exit code; 128 and the signal's number where a signal ended it."""
    seconds: float
    """Wall time."""
    peak_bytes: int
    """Most that was seen of its memory."""
    killed: bool
    """Whether it was ended because of that."""
    stderr: str
    """What it wrote there."""


def measure(command: list[str]) -> Usage:
    """Run a command to its end, from the repository's folder, or until it takes too much memory."""
    start, peak = time.monotonic(), 0
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
        try:
            while process.poll() is None and peak <= KILLED_BYTES:
                peak = max(peak, sum(map(_proportional_bytes, _tree(process.pid))))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(PERIOD_S)
            seconds = time.monotonic() - start
        finally:  # also when it is interrupted, as Ctrl-C does not reach another session
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        stderr.seek(0)
        text = stderr.read().decode(errors="replace")
    return Usage(code if code >= 0 else 128 - code, seconds, peak, peak > KILLED_BYTES, text)


def _tree(root: int) -> set[int]:
    """The processes of the session that a process leads, and all that descend from them."""
    parents: dict[int, int] = {}
    members = {root}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended since
                # Behind the name, which may hold anything: state, parent, group, session (proc(5)).
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(fields[1])
                if int(fields[3]) == root:
                    members.add(int(folder.name))
    found = 0
    while found != len(members):
        found = len(members)
        members |= {child for child, parent in parents.items() if parent in members}
    return members


def _proportional_bytes(process: int) -> int:
    """A process's pages, each divided by how many processes hold it; 0 of one that has ended."""
    with suppress(OSError):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024  # Linux counts in KiB
    return 0

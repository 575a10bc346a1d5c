"""Measure memory and time of a command with all processes that it starts.

The memory is the sum of the proportional set sizes: a page shared by several processes, as after a fork,
counts once. It is read every 50 ms, so a shorter peak may be missed. Pages that other programs share, such as
TensorFlow's library, count for less: measure on a quiet machine.
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
"""A command that takes more is killed with its process group, before it uses up the machine's memory."""
_PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Resources that a command used."""

    exit: int
    """Its exit code; 128 plus the signal's number if a signal ended it."""
    seconds: float
    """Wall time."""
    peak_bytes: int
    """Largest observed memory."""
    killed: bool
    """Whether it was killed for its memory."""
    stderr: str
    """Its standard error."""


def measure(command: list[str]) -> Usage:
    """Run a command in the repository's folder until it ends or takes too much memory."""
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
        finally:  # also on an interrupt, because Ctrl-C does not reach another session
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        stderr.seek(0)
        text = stderr.read().decode(errors="replace")
    return Usage(code if code >= 0 else 128 - code, seconds, peak, peak > KILLED_BYTES, text)


def _tree(root: int) -> set[int]:
    """Return the processes of the session that a process leads, and all their descendants."""
    parents: dict[int, int] = {}
    members = {root}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended
                # After the name, which may contain anything: state, parent, group, session (proc(5)).
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
    """Return the process's pages, each divided by the number of processes sharing it; 0 if it has ended."""
    with suppress(OSError):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024  # Linux counts in KiB
    return 0

"""Run whole processes, as a user starts them, and measure their time, output and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from side_by_side import Measure, once
from trained import ROOT

FMNIST = str(Path(sys.executable).parent / "fmnist")
"""Path of the command."""
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""If this is set, each process compiles our modules again, but not those that pip installed."""

# Linux counts the memory before exec, so a process starts with its parent's memory as its peak. Therefore a
# small process starts the measured one.
PEAK_SCRIPT = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss * 1024)  # Linux counts in KiB
sys.exit(status != 0)
"""


def output(command: list[str], exits: tuple[int, ...] = (0,)) -> str:
    """Run a process in the repository's folder; return its standard output.

    Args:
        command: Program and arguments.
        exits: Accepted exit codes.
    """
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode not in exits:
        raise SystemExit(f"{' '.join(command)}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def wall_time(command: list[str], exits: tuple[int, ...] = (0,)) -> Measure:
    """Return a measure of a process's wall time; one run beforehand puts its files into the page cache."""
    return once(partial(output, command, exits))


def peak_bytes(command: list[str]) -> int:
    """Return the peak memory of a process."""
    return int(output([sys.executable, "-c", PEAK_SCRIPT, *command]))

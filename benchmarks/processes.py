"""Whole processes, as a user starts them: their time, their output and their memory."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from side_by_side import Measure, once
from trained import ROOT

FMNIST = str(Path(sys.executable).parent / "fmnist")
"""The command itself."""
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Where this is set, each process compiles our modules anew, but not those that pip has installed."""

# A process begins with the memory of the one that started it as its peak (Linux counts what was there before
# exec), so a small one in between starts what is measured.
PEAK_SCRIPT = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss * 1024)  # Linux counts in KiB
sys.exit(status != 0)
"""


def output(command: list[str], exits: tuple[int, ...] = (0,)) -> str:
    """Run a process to its end, from the repository's folder; what it prints on standard output.

    Args:
        command: Program and arguments.
        exits: The exit codes that it may end with.
    """
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode not in exits:
        raise SystemExit(f"{' '.join(command)}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def wall_time(command: list[str], exits: tuple[int, ...] = (0,)) -> Measure:
    """Wall time of a whole process; one is run beforehand, so that its files are in the page cache."""
    return once(partial(output, command, exits))


def peak_bytes(command: list[str]) -> int:
    """Most memory a process ever held."""
    return int(output([sys.executable, "-c", PEAK_SCRIPT, *command]))

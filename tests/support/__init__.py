"""Paths, and functions that run the command like a user."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
TINY = ROOT / "tests" / "models" / "tiny"
"""A small trained run (784-16-10) with artifacts, made by tests/models/generate.py."""
TRAINS = find_spec("keras") is not None
"""Whether the extra `train` is installed, which a device lacks."""


def run_fmnist(
    folder: Path, *arguments: object, environment: Mapping[str, str | None] | None = None, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run ``fmnist`` in a process of its own, with the data in $FMNIST_DATA.

    Args:
        folder: The working directory.
        arguments: The arguments of ``fmnist``.
        environment: Variables to set, or to remove if the value is None.
        umask: The process's umask; this process's if -1.
    """
    return subprocess.run(
        [sys.executable, "-m", "fmnist", *map(str, arguments)],
        cwd=folder,
        env=_variables(environment),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        umask=umask,
    )


def run_on_a_terminal(
    folder: Path, *arguments: object, environment: Mapping[str, str | None] | None = None, **streams: int
) -> tuple[int, str]:
    """Run ``fmnist`` on a terminal of 100 columns with colours.

    Args:
        folder: The working directory.
        arguments: The arguments of ``fmnist``.
        environment: Variables to set, or to remove if the value is None.
        streams: Replacements of stdin, stdout or stderr for the terminal.

    Returns:
        The exit code and the terminal's output, with its line ends.
    """
    terminal = {"COLUMNS": "100", "TERM": "xterm", "NO_COLOR": None, **(environment or {})}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fmnist", *map(str, arguments)],
        cwd=folder,
        env=_variables(terminal),
        **{"stdin": theirs, "stdout": theirs, "stderr": theirs, **streams},
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    return process.wait(), text.decode()


def _variables(environment: Mapping[str, str | None] | None) -> dict[str, str]:
    wanted = {"FMNIST_DATA": str(DATA), "PYTHONUTF8": "1", "FMNIST_DEBUG": None, **(environment or {})}
    return {key: value for key, value in {**os.environ, **wanted}.items() if value is not None}


def peak_memory() -> int:
    """Return this process's peak memory in bytes. ``getrusage`` would include its parent's."""
    [line] = (text for text in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in text)
    return int(line.split()[1]) * 1024


def told(stderr: str) -> list[str]:
    """Return a command's output lines without progress, which depends on how busy the machine is."""
    return [line for line in stderr.splitlines() if not re.match(r"bench [\d,]+ of ", line)]

"""Paths, and the command as a user runs it."""

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
"""A small trained run (784-16-10) with artifacts; tests/models/generate.py made it."""
TRAINS = find_spec("keras") is not None
"""Whether there is more than on a device: the extra `train`."""


def run_fmnist(
    folder: Path, *arguments: object, environment: Mapping[str, str | None] | None = None, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run ``fmnist`` in a process of its own, as a user does who has the data in $FMNIST_DATA.

    Args:
        folder: The working directory.
        arguments: What follows ``fmnist`` on the command line.
        environment: Variables to set besides, or to take away where the value is None.
        umask: Bits that no file's mode gets; those of this process when -1.
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
    """Run ``fmnist`` on a terminal of 100 columns that shows colours.

    Args:
        folder: The working directory.
        arguments: What follows ``fmnist`` on the command line.
        environment: Variables to set besides, or to take away where the value is None.
        streams: Where stdin, stdout or stderr is to be another than the terminal.

    Returns:
        The exit code, and all that came to the terminal, with its line ends.
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
    """Most bytes of memory that this process has had. ``getrusage`` would count what had started it, too."""
    [line] = (text for text in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in text)
    return int(line.split()[1]) * 1024


def told(stderr: str) -> list[str]:
    """What a command said, line by line, but for its progress: of that, a busy machine makes it say more."""
    return [line for line in stderr.splitlines() if not re.match(r"bench [\d,]+ of ", line)]

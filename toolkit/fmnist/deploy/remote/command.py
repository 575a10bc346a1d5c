"""Commands that run on this device while the workstation waits for them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fmnist.deploy.remote.store import DisconnectedError, RefusedError

_CHUNK = 1 << 16
_MAX_OUTPUT = 100_000_000
"""Largest result in bytes; a bench of eight artifacts for a minute has some million."""
TAIL = 8_000
"""Bytes at the end of a log that are sent."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    code: int
    """Its exit code."""
    output: str
    """Its standard output."""
    log: str
    """The end of its standard error."""


def run_command(script: str, arguments: list[str], folder: Path, lock: int) -> CommandResult:
    """Run a line of ``sh`` in a folder, and pass its standard error on to the workstation.

    In the line, ``"$@"`` are the arguments. The command holds the lock, a descriptor, while it runs.

    Raises:
        DisconnectedError: The workstation has disconnected; the command was stopped.
        RefusedError: Its output is too long; it was stopped.
    """
    with subprocess.Popen(
        ["sh", "-c", script, "sh", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=(lock,),
    ) as child:
        try:
            output, log = _follow(child)
            code = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)  # with its child processes
            raise
    return CommandResult(code, output.decode(errors="replace"), log.decode(errors="replace"))


def _follow(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Return the standard output of a command, and the end of its standard error."""
    assert child.stdout is not None
    assert child.stderr is not None
    output, log = child.stdout.fileno(), child.stderr.fileno()
    said = {output: bytearray(), log: bytearray()}
    streams = [output, log]
    while streams:
        ready, _, _ = select.select([0, *streams], [], [])
        if 0 in ready:  # a waiting workstation sends nothing, so it has disconnected
            raise DisconnectedError
        for stream in ready:
            chunk = os.read(stream, _CHUNK)
            said[stream] += chunk
            if not chunk:
                streams.remove(stream)
            elif stream == log:
                sys.stderr.buffer.write(chunk)
                sys.stderr.flush()
                del said[log][:-TAIL]
            elif len(said[output]) > _MAX_OUTPUT:
                raise RefusedError("the output of a command of this version does not end")
    return bytes(said[output]), bytes(said[log])

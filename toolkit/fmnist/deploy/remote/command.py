"""Programs that run here for as long as the workstation waits for them."""

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
"""Bytes of a result; of a bench of eight artifacts for a minute it has some million."""
TAIL = 8_000
"""Bytes of a log that are told."""


@dataclass(frozen=True)
class CommandResult:
    """What a program came to."""

    code: int
    """Its exit code."""
    output: str
    """What it wrote to standard output."""
    log: str
    """The end of what it wrote to standard error."""


def run_command(script: str, arguments: list[str], folder: Path, lock: int) -> CommandResult:
    """Run a line of ``sh`` to its end; its standard error goes on to the workstation as it comes.

    Args:
        script: The line, in which ``"$@"`` are the arguments.
        arguments: The arguments.
        folder: Where it runs.
        lock: Descriptor of the lock, which is held for as long as the program lives.

    Raises:
        DisconnectedError: The workstation has gone; the program was ended.
        RefusedError: It writes without end; it was ended.
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
            os.killpg(child.pid, signal.SIGTERM)  # with all that it has started
            raise
    return CommandResult(code, output.decode(errors="replace"), log.decode(errors="replace"))


def _follow(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a program writes to standard output, and the end of what it writes to standard error."""
    assert child.stdout is not None
    assert child.stderr is not None
    output, log = child.stdout.fileno(), child.stderr.fileno()
    said = {output: bytearray(), log: bytearray()}
    streams = [output, log]
    while streams:
        ready, _, _ = select.select([0, *streams], [], [])
        if 0 in ready:  # a workstation that waits says nothing: its end has come
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
                raise RefusedError("a program of this version writes without end")
    return bytes(said[output]), bytes(said[log])

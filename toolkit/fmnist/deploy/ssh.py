"""Commands on a host, by the system's own ``ssh`` with the user's configuration and keys."""

from __future__ import annotations

import secrets
import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Self

from fmnist_runtime.errors import DeviceError

_OPTIONS = (
    "BatchMode=yes",  # nobody can answer a prompt
    "ConnectTimeout=15",
    "ServerAliveInterval=15",  # a dead connection ends after a minute
    "ServerAliveCountMax=4",
    "ClearAllForwardings=yes",  # the configured ones are for the user's own sessions,
    "RemoteCommand=none",  # as is this
)
_MAX_BANNER = 1_000_000
"""Bytes that start-up files of a host may print before the command begins."""
_LOG_LINES = 20
"""Number of the last lines of standard error that are kept."""
_MAX_LINE = 2_000
_LOST = 255
"""Exit code of ``ssh`` itself, such as for a lost connection."""
TIMEOUT_S = 60.0
"""Limit for a host that does not respond, because of its start-up files or a disk, for example."""


@dataclass(frozen=True)
class Reply:
    """The result of a command on a host."""

    code: int
    """Its exit code."""
    output: bytes
    """Its standard output."""
    log: str
    """The last lines of its standard error."""


class Connection:
    """A command that runs on a host."""

    def __init__(
        self, host: str, process: subprocess.Popen[bytes], token: bytes, on_line: Callable[[str], None] | None
    ) -> None:
        """Follow a command of ``ssh``, which has pipes for all three streams.

        The token ends the line before the command's own output. ``on_line`` is called with each line of
        standard error.
        """
        self.host, self.process, self._token = host, process, token
        self.stdin, self._stdout = _pipe(process.stdin), _pipe(process.stdout)
        self._begun = False
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._listener = threading.Thread(
            target=self._listen, args=(_pipe(process.stderr), on_line), daemon=True
        )
        self._listener.start()

    def read_line(self, limit: int) -> bytes:
        """Return the next line of standard output; empty at the end.

        Raises:
            DeviceError: The host cannot be reached, or the line is longer than the limit.
        """
        self._begin()
        line = self._stdout.readline(limit + 1)
        if len(line) > limit:
            raise self._too_much()
        return line

    def read(self, limit: int) -> bytes:
        """Return the rest of standard output; raises the errors of `read_line`."""
        self._begin()
        output = self._stdout.read(limit + 1)
        if len(output) > limit:
            raise self._too_much()
        return output

    def write(self, content: bytes) -> bool:
        """Write to the command's standard input; return whether it still reads."""
        try:
            self.stdin.write(content)
            self.stdin.flush()
        except OSError:
            return False
        return True

    def wait(self) -> int:
        """Close the command's input, and return its exit code."""
        with suppress(OSError):
            self.stdin.close()
        code = self.process.wait()
        self._listener.join()
        return code

    @property
    def log(self) -> str:
        """The last lines of standard error, including those of ``ssh``."""
        return "\n".join(self._lines)

    def lost(self) -> bool:
        """Wait, and return whether the connection ended, not the command."""
        code = self.wait()
        return code == _LOST or code < 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.process.kill()
        self.wait()
        self._stdout.close()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Close the connection if the block takes longer.

        Raises:
            DeviceError: It took longer.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except DeviceError as error:
            if not late.is_set():
                raise
            raise DeviceError(
                f"does not respond for {seconds:.0f} s; log in and see what it waits for: "
                f"ssh {shlex.quote(self.host)}"
            ) from error
        finally:
            timer.cancel()

    def _too_much(self) -> DeviceError:
        see = f"ssh {shlex.quote(self.host)} true"
        return DeviceError(f"sends more output than expected; see what it prints: {see}")

    def _begin(self) -> None:
        if not self._begun:
            with self.time_limit(TIMEOUT_S):
                self._pass_over()

    def _pass_over(self) -> None:
        """Skip the output of start-up files."""
        passed = 0
        while not self._begun:
            line = self._stdout.readline(_MAX_BANNER)
            passed += len(line)
            if passed > _MAX_BANNER:
                self.process.kill()
                raise self._too_much()
            if not line:
                raise DeviceError(refusal(self.host, self.wait(), self.log))
            self._begun = line.rstrip(b"\r\n").endswith(self._token)

    def _listen(self, stream: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        while raw := stream.readline(_MAX_LINE):
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            if on_line:
                on_line(line)
        stream.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


class Ssh:
    """The connections of one `fmnist deploy`, so that Ctrl-C closes all of them."""

    def __init__(self) -> None:
        """Start without connections."""
        self._latest: dict[str, Connection] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def open(self, host: str, script: str, on_line: Callable[[str], None] | None = None) -> Connection:
        """Start a line of ``sh`` on a host; the user's login shell does not matter.

        The caller quotes variable parts. ``on_line`` is called with each line of standard error.

        Raises:
            DeviceError: There is no ``ssh`` on this machine, or `stop` was called.
        """
        token = f"fmnist-{secrets.token_hex(8)}"
        options = [word for option in _OPTIONS for word in ("-o", option)]
        remote = f"exec sh -c {shlex.quote(f'echo {token}; {script}')}"
        command = ["ssh", "-T", *options, "--", host, remote]
        pipe = subprocess.PIPE
        with self._lock:
            if self._stopped:
                raise DeviceError("interrupted")
            try:
                # In its own process group, so that Ctrl-C reaches only this process, which then stops it.
                process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, process_group=0)
            except OSError as error:
                reason = f"ssh cannot be started ({error.strerror}); sudo apt install openssh-client"
                raise DeviceError(reason) from error
            connection = Connection(host, process, token.encode(), on_line)
            self._latest[host] = connection  # a host has one at a time
        return connection

    def run(self, host: str, script: str, limit: int, stdin: bytes, timeout_s: float) -> Reply:
        """Run a line of ``sh`` on a host to its end, with some kB as its standard input.

        ``limit`` is the largest size of its output in bytes.

        Raises:
            DeviceError: The host cannot be reached, the connection was lost, or the answer is too long or
                too late.
        """
        with self.open(host, script) as connection, connection.time_limit(timeout_s):
            connection.write(stdin)
            with suppress(OSError):
                connection.stdin.close()
            output = connection.read(limit)
            if connection.lost():
                raise DeviceError("the connection was lost")
            return Reply(connection.wait(), output, connection.log)

    def stop(self) -> None:
        """Close all connections, and allow no more."""
        with self._lock:
            self._stopped = True
            for connection in self._latest.values():
                if connection.process.poll() is None:
                    connection.process.kill()

    def log(self, host: str) -> str:
        """Return the last lines of standard error of the latest connection to a host."""
        return self._latest[host].log if host in self._latest else ""


_REASONS = (
    ("IDENTIFICATION HAS CHANGED", "has another host key than before; if that is right, "
     "ssh {host} says which line of known_hosts to remove"),
    ("Host key verification failed", "is not known yet; look at its host key once: ssh {host}"),
    ("hostname contains invalid characters", "is not a destination of ssh; use a form such as "
     "pi@raspberrypi.local"),
    ("usage: ssh ", "is not a destination of ssh; use a form such as pi@raspberrypi.local"),
    ("Permission denied", "asks for a password; copy your key to it once: ssh-copy-id {host} "
     "(or unlock it: ssh-add)"),
    ("Too many authentication failures", "was offered too many keys; name the right one in ~/.ssh/config"),
    ("Could not resolve hostname", "there is no host of that name; check it, or give its address"),
    ("Connection refused", "refuses connections; is SSH switched on there? (sudo raspi-config)"),
    ("timed out", "does not answer; is it switched on, and in this network?"),
    ("No route to host", "cannot be reached; is it switched on, and in this network?"),
    ("Network is unreachable", "cannot be reached; is this machine in a network?"),
)  # fmt: skip
"""Reasons by a part of OpenSSH's message; the first match counts."""


def refusal(host: str, code: int, log: str) -> str:
    """Return why a command could not start, from the exit code of ``ssh`` and its last error lines."""
    for words, reason in _REASONS:
        if words in log:
            return reason.format(host=shlex.quote(host))
    last = log.strip().splitlines()[-1:] or [f"exit code {code}"]
    if code != 255:
        return f"does not run a shell ({last[0]}); try: ssh {shlex.quote(host)} sh -c true"
    return f"ssh says: {last[0]}"

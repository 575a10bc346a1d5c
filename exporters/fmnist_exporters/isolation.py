"""Runs work in processes of their own, so that a crash in native code affects only that work.

On some networks the converters end the process or use all memory, and TensorFlow takes seconds to load. So
one server process loads it but computes nothing, and each piece of work runs in a fork of the server, ready
at once. (Once TensorFlow has computed something, its process has threads and cannot be forked.) A second fork
waits for each worker and reports how it ended, even if the kernel ended it.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import IO, Any

from fmnist_runtime.engines import ENGINES
from fmnist_runtime.errors import ModelError

Work = tuple[Callable[..., Any], tuple[Any, ...]]
"""A module-level function and its arguments."""

_LOADED = (
    "tensorflow",
    "tf2onnx",
    "onnxruntime.quantization",
    "fmnist_exporters.original.session",
    "fmnist_exporters.formats.tflite",
    "fmnist_exporters.formats.onnx",
    "fmnist_exporters.formats.npz",
    "fmnist_exporters.formats.c",
    "fmnist_exporters.original.precision",
)
"""Modules that the server loads, so that no worker has to."""
_LOG_BYTES = 64 * 1024
_LENGTH = struct.Struct("!Q")
"""Precedes each message."""
_steps: socket.socket | None = None
"""Where this worker reports its steps; None in a process that is no worker."""


class CrashedError(ModelError):
    """The process of a worker ended; the text names the step and the reason."""


@dataclass(frozen=True)
class WorkResult:
    """The result of a piece of work."""

    value: Any
    """Return value of the function; None if it raised or crashed."""
    error: Exception | None
    """The exception it raised, or a `CrashedError`."""
    peak_bytes: int
    """Peak memory of its process."""

    def result(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True)
class _End:
    """How the process of a worker ended."""

    status: int
    """Status from ``os.wait``."""
    peak_bytes: int
    log: str
    """End of its output to the standard streams."""


class _RemoteTracebackError(Exception):
    """The traceback of another process, shown as a cause."""


def note_step(text: str) -> None:
    """Report the next step of this worker, for progress and for the message if it crashes."""
    if _steps is not None:
        _send(_steps, text)


def start() -> None:
    """Start loading the modules of `_LOADED` in the background, unless that is done."""
    _server()


@atexit.register
def stop() -> None:
    """End the server process, even if it still loads, and free its memory."""
    if _server.cache_info().currsize:
        connection, process = _server()
        connection.close()
        process.terminate()
        process.wait()
        _server.cache_clear()


def run(work: Work, on_step: Callable[[str], None] = lambda step: None) -> WorkResult:
    """Call a function in its own process, and wait for it; see `run_all`."""
    [(_, result)] = run_all([work], 1, on_step)
    return result


def run_all(
    work: Sequence[Work], at_once: int, on_step: Callable[[str], None] = lambda step: None
) -> Iterator[tuple[int, WorkResult]]:
    """Run pieces of work, each in its own process, which ends if the iteration is abandoned.

    Args:
        work: The functions to call, in this order.
        at_once: Number of processes at the same time.
        on_step: Called with each step that a worker reports.

    Yields:
        The number of each piece with its result, as they end.
    """
    waiting = list(enumerate(work))
    with selectors.DefaultSelector() as running:
        try:
            while waiting or running.get_map():
                while waiting and len(running.get_map()) < at_once:
                    number, (function, arguments) = waiting.pop(0)
                    running.register(_begin(function, arguments), selectors.EVENT_READ, (number, []))
                for key, _ in running.select():
                    connection: Any = key.fileobj
                    number, steps = key.data
                    message = _receive(connection)
                    if isinstance(message, str):
                        steps.append(message)
                        on_step(message)
                    else:
                        running.unregister(connection)
                        yield number, _result(connection, message, steps)
        finally:
            for key in list(running.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _begin(function: Callable[..., Any], arguments: tuple[Any, ...]) -> socket.socket:
    """Hand work to a new process. Its steps, its answer and its end come from the returned connection."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            socket.send_fds(_server()[0], [b"w"], [theirs.fileno()])
        except OSError:  # the server has ended, such as for lack of memory
            stop()
            socket.send_fds(_server()[0], [b"w"], [theirs.fileno()])
    _send(ours, dict(ENGINES))  # includes engines that were added from outside
    _send(ours, (function, arguments))
    return ours


def _send(connection: socket.socket, message: Any) -> None:
    """Send a message, unless the receiver has gone."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    with suppress(OSError):
        connection.sendall(_LENGTH.pack(len(content)))
        connection.sendall(content)


def _receive(connection: socket.socket) -> Any:
    """Return the next message; None at the end."""
    head = _read(connection, _LENGTH.size)
    content = _read(connection, *_LENGTH.unpack(head)) if head else None
    return pickle.loads(content) if content else None


def _read(connection: socket.socket, count: int) -> bytearray | None:
    content = bytearray(count)
    view, done = memoryview(content), 0
    with suppress(OSError):
        while done < count and (read := connection.recv_into(view[done:])):
            done += read
    return content if done == count else None


def _result(connection: socket.socket, answer: Any, steps: list[str]) -> WorkResult:
    """Return the result of work whose process sent this answer, or ended without one."""
    with connection:
        end = answer if isinstance(answer, _End) else _receive(connection)
    peak = end.peak_bytes if isinstance(end, _End) else 0
    if isinstance(answer, tuple):
        value, error, trace = answer
        if error is not None:
            error.__cause__ = _RemoteTracebackError(f"\n{trace}")
        return WorkResult(value, error, peak)
    doing = f" while {steps[-1]}" if steps else ""
    return WorkResult(None, CrashedError(f"{_how(end)}{doing}"), peak)


def _how(end: Any) -> str:
    """Describe how a process without an answer ended."""
    if not isinstance(end, _End):
        return "the process was killed, probably because the system is short of memory"
    if "bad_alloc" in end.log or "out of memory" in end.log.lower():
        return f"the process ran out of memory at {end.peak_bytes / 1e9:.1f} GB"
    if os.WIFSIGNALED(end.status):
        return f"the process was ended by {signal.Signals(os.WTERMSIG(end.status)).name}"
    return f"the process ended with status {os.waitstatus_to_exitcode(end.status)}"


@cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The connection to the server process, which ends when this process closes it, and that process."""
    ours, theirs = socket.socketpair()
    code = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as isolation; "
    code += f"isolation.serve({theirs.fileno()})"
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONHASHSEED": "0"},  # converters iterate over sets
        )
    return ours, process


def serve(descriptor: int) -> None:
    """Run the server process: fork a process for each connection that the socket of this number receives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    missing: ImportError | None = None
    try:
        for module in _LOADED:
            import_module(module)
    except ImportError as error:
        missing = error
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the forks that watch workers are not waited for
    # A conversion copies its graphs at each step, and they contain reference cycles. With the default
    # thresholds, converting EfficientNetB0 takes 2.1 GB; with these, 1.3 GB.
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 5, 1)
    with socket.socket(fileno=descriptor) as control:
        while descriptors := socket.recv_fds(control, 1, 1)[1]:
            if os.fork() == 0:
                control.close()
                with socket.socket(fileno=descriptors[0]) as connection:
                    _watch(connection, missing)
                os._exit(0)
            os.close(descriptors[0])


def _watch(connection: socket.socket, missing: ImportError | None) -> None:
    """Fork a worker, and report how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with tempfile.TemporaryFile() as log:
        worker = os.fork()
        if worker == 0:
            _work(connection, log, missing)
            os._exit(0)
        _, status, usage = os.wait4(worker, 0)
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_BYTES))
        end = _End(status, usage.ru_maxrss * 1024, log.read().decode(errors="replace"))
    _send(connection, end)


def _work(connection: socket.socket, log: IO[bytes], missing: ImportError | None) -> None:
    """Call the function received over the connection, and send back what it returns or raises."""
    global _steps
    if os.environ.get("FMNIST_DEBUG") != "1":
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    _limit_memory()
    _steps = connection
    answer: tuple[Any, Exception | None, str]
    try:
        ENGINES.update(_receive(connection))
        function, arguments = _receive(connection)
        if missing is not None:
            raise missing
        threading.Thread(target=_die_with, args=[connection], daemon=True).start()
        answer = (function(*arguments), None, "")
    except Exception as error:
        answer = (None, error, traceback.format_exc())
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # it cannot be sent
            answer = (None, ModelError(f"{type(error).__name__}: {error}"), answer[2])
    _send(connection, answer)


def _die_with(connection: socket.socket) -> None:
    """End this process when the receiver of its answer has gone or abandoned it."""
    with suppress(OSError):
        connection.recv(1)
    os._exit(1)


def _limit_memory() -> None:
    """Limit this process to the free memory, so that exceeding it ends only this process."""
    with suppress(OSError, ValueError, StopIteration):  # not every system has these
        with open("/proc/meminfo") as file:
            free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
        resource.setrlimit(resource.RLIMIT_DATA, (free * 1024, resource.RLIM_INFINITY))

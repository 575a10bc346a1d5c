"""Work in processes of its own, so that a crash in native code costs that work and no other.

The converters end the process on some networks, or take all memory. TensorFlow takes seconds to load. So one
server process loads it, and computes nothing; each piece of work runs in a fork of that, which has all
loaded and is ready at once. (A process whose TensorFlow has begun to compute has threads, and cannot be
forked.) Another fork waits for the end of each and tells it, be it the kernel's doing.
"""

from __future__ import annotations

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
"""A function of a module, and its arguments."""

_LOADED = (
    "tensorflow",
    "tf2onnx",
    "onnxruntime.quantization",
    "fmnist_exporters.original.session",
    "fmnist_exporters.formats.tflite",
    "fmnist_exporters.formats.onnx",
    "fmnist_exporters.formats.npz",
    "fmnist_exporters.original.precision",
)
"""What the server loads, and no work has to load any more."""
_LOG_BYTES = 64 * 1024
_LENGTH = struct.Struct("!Q")
"""What goes before each message."""
_steps: socket.socket | None = None
"""Where the work of this process tells its steps; None in a process that is nobody's fork."""


class CrashedError(ModelError):
    """Work ended with its process; the text says in which step, and by what."""


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of work."""

    value: Any
    """What the function returned; None when it raised or crashed."""
    error: Exception | None
    """What it raised, or a `CrashedError`."""
    peak_bytes: int
    """Most memory that its process had."""

    def result(self) -> Any:
        """What the function returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True)
class _End:
    """How a process of work ended."""

    status: int
    """As of ``os.wait``."""
    peak_bytes: int
    log: str
    """The last that it wrote to its standard streams."""


class _RemoteTracebackError(Exception):
    """The traceback of another process, as a cause to be shown."""


def note_step(text: str) -> None:
    """Say what the work of this process does next, for the message should it crash."""
    if _steps is not None:
        _send(_steps, text)


def start() -> None:
    """Begin to load what work needs, in the background, if that was not done yet."""
    _server()


def stop() -> None:
    """Let go of the memory that loading took, when no more work comes."""
    if _server.cache_info().currsize:
        _server().close()
        _server.cache_clear()


def run(work: Work, on_step: Callable[[str], None] = lambda step: None) -> Outcome:
    """Call a function in a process of its own, and wait for it; see `run_all`."""
    [(_, outcome)] = run_all([work], 1, on_step)
    return outcome


def run_all(
    work: Sequence[Work], at_once: int, on_step: Callable[[str], None] = lambda step: None
) -> Iterator[tuple[int, Outcome]]:
    """Run pieces of work, each in a process of its own, which dies when the iteration is given up.

    Args:
        work: What to do, in this order.
        at_once: How many run at the same time.
        on_step: Called with what any of them does next.

    Yields:
        The number of each piece and what came of it, as they end.
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
                        yield number, _outcome(connection, message, steps)
        finally:
            for key in list(running.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _begin(function: Callable[..., Any], arguments: tuple[Any, ...]) -> socket.socket:
    """Hand work to a new process. What comes from the connection are its steps, its answer and its end."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            socket.send_fds(_server(), [b"w"], [theirs.fileno()])
        except OSError:  # the server is gone, as when memory was short
            _server.cache_clear()
            socket.send_fds(_server(), [b"w"], [theirs.fileno()])
    _send(ours, dict(ENGINES))  # with those of formats that were added from outside
    _send(ours, (function, arguments))
    return ours


def _send(connection: socket.socket, message: Any) -> None:
    """Send a message; one that nobody wants any more is lost."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    with suppress(OSError):
        connection.sendall(_LENGTH.pack(len(content)))
        connection.sendall(content)


def _receive(connection: socket.socket) -> Any:
    """The next message; None when none comes any more."""
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


def _outcome(connection: socket.socket, answer: Any, steps: list[str]) -> Outcome:
    """What came of work whose process gave this answer, or ended without."""
    with connection:
        end = answer if isinstance(answer, _End) else _receive(connection)
    peak = end.peak_bytes if isinstance(end, _End) else 0
    if isinstance(answer, tuple):
        value, error, trace = answer
        if error is not None:
            error.__cause__ = _RemoteTracebackError(f"\n{trace}")
        return Outcome(value, error, peak)
    doing = f" while {steps[-1]}" if steps else ""
    return Outcome(None, CrashedError(f"{_how(end)}{doing}"), peak)


def _how(end: Any) -> str:
    """How a process without an answer ended, for a message."""
    if not isinstance(end, _End):
        return "the process was ended from outside, as the system does when memory is short"
    if "bad_alloc" in end.log or "out of memory" in end.log.lower():
        return f"the process ran out of memory at {end.peak_bytes / 1e9:.1f} GB"
    if os.WIFSIGNALED(end.status):
        return f"the process was ended by {signal.Signals(os.WTERMSIG(end.status)).name}"
    return f"the process ended with status {os.waitstatus_to_exitcode(end.status)}"


@cache
def _server() -> socket.socket:
    """The connection to the server process, which ends when that is closed, as it is with this process."""
    ours, theirs = socket.socketpair()
    code = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as isolation; "
    code += f"isolation.serve({theirs.fileno()})"
    with theirs:
        subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONHASHSEED": "0"},  # converters walk sets; files shall be the same
        )
    return ours


def serve(descriptor: int) -> None:
    """Fork a process for each connection that is handed over; what the server process does.

    Args:
        descriptor: Of the socket over which connections come.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the process that started this one
    missing = _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a process that waits for another
    # Graphs refer to themselves, and are copied at each step of a conversion. Collected as usual, which is
    # seldom in a process with so many objects, those of EfficientNetB0 take 2.1 GB, and 1.3 so.
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


def _load() -> ImportError | None:
    """Load what work needs; the error where that cannot be."""
    try:
        for module in _LOADED:
            import_module(module)
    except ImportError as error:
        return error
    return None


def _watch(connection: socket.socket, missing: ImportError | None) -> None:
    """Fork a process that works, and tell how it ended."""
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
    """Call the function that comes over the connection, and answer with what it returns or raises."""
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
    _send(connection, _sendable(answer))


def _sendable(answer: tuple[Any, Exception | None, str]) -> tuple[Any, Exception | None, str]:
    """The answer, with an exception in the place of one that cannot be sent, as a library's may not."""
    value, error, trace = answer
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = ModelError(f"{type(error).__name__}: {error}")
    return value, error, trace


def _die_with(connection: socket.socket) -> None:
    """End this process when the one that wants its answer is gone, or gave it up."""
    with suppress(OSError):
        connection.recv(1)
    os._exit(1)


def _limit_memory() -> None:
    """Let this process take what memory is free, so that too much of it ends this one and no other."""
    with suppress(OSError, ValueError, StopIteration):  # a system that does not tell, or does not limit
        with open("/proc/meminfo") as file:
            free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
        resource.setrlimit(resource.RLIMIT_DATA, (free * 1024, resource.RLIM_INFINITY))

"""Whether the packages that run models load, each tried in a process of its own.

An engine's native code may crash on an old processor, or hang, and then takes only that process with it. This
module imports nothing but the standard library, so that it can tell even that NumPy does not load.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, cast

Part = Literal["tflite", "onnx", "numpy", "images"]
"""The extras of a device, and NumPy, which everything needs."""

_DISTRIBUTIONS: dict[Part, tuple[str, ...]] = {
    "tflite": ("ai-edge-litert", "tflite-runtime"),
    "onnx": ("onnxruntime",),
    "numpy": ("numpy",),
    "images": ("pillow",),
}
_PATIENCE_S = 120.0
"""ONNX Runtime takes some seconds from a slow SD card, and more in emulation."""


@dataclass(frozen=True)
class Loading:
    """How loading a part went."""

    part: Part
    """What was loaded."""
    package: str
    """The package and its version; empty when it did not load."""
    installed: bool
    """Whether it is there at all."""
    error: str
    """Why it did not load; empty when it did."""

    @property
    def works(self) -> bool:
        """Whether it loaded."""
        return not self.error


def load_parts() -> dict[Part, Loading]:
    """Load all parts, at the same time, each in a process of its own."""
    processes = {part: _start(part) for part in _DISTRIBUTIONS}
    try:
        return {part: _result(part, process) for part, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _start(part: Part) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, part],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        process_group=0,  # Ctrl-C is for this process, which then ends the other
    )


def _result(part: Part, process: subprocess.Popen[str]) -> Loading:
    try:
        output, _ = process.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return Loading(part, "", True, f"it did not load within {_PATIENCE_S:.0f} s")
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        reason = "; perhaps it needs a newer processor" if name == "SIGILL" else ""
        return Loading(part, "", True, f"it crashes when it is loaded ({name}){reason}")
    with suppress(ValueError, IndexError, TypeError):
        return Loading(**json.loads(output.splitlines()[-1]))  # before it, what an engine prints
    return Loading(part, "", True, f"its process ended with {process.returncode} and no answer")


def _load(part: Part) -> Loading:
    """Load a part in this process."""
    try:
        _LOADERS[part]()
    except Exception as error:  # NumPy raises RuntimeError on a processor that is too old for it
        return Loading(part, "", not _is_missing(error), _reason(error))
    return Loading(part, _package(part), True, "")


def _reason(error: BaseException) -> str:
    """On one line; of an import that failed for another, the innermost, as NumPy puts a page around that."""
    while isinstance(error, ImportError) and isinstance(
        inner := error.__cause__ or error.__context__, ImportError
    ):
        error = inner
    return " ".join(str(error).split()) or type(error).__name__


def _is_missing(error: Exception) -> bool:
    """Whether the part itself is not there, as `needs_extra` tells, and not what it needs in turn."""
    cause = error.__cause__ or error
    return isinstance(cause, ModuleNotFoundError) and (cause is not error or cause.name == "numpy")


def _numpy() -> None:
    import numpy.typing  # noqa: F401 - of a folder that is empty, "import numpy" makes a package without complaint


def _tflite() -> None:
    import fmnist_runtime.sessions.tflite  # noqa: F401


def _onnx() -> None:
    import fmnist_runtime.sessions.onnx  # noqa: F401


def _images() -> None:
    from fmnist_runtime.errors import needs_extra

    with needs_extra("images", "reading image files"):
        import PIL.Image  # noqa: F401


_LOADERS: dict[Part, Callable[[], None]] = {
    "tflite": _tflite,
    "onnx": _onnx,
    "numpy": _numpy,
    "images": _images,
}


def _package(part: Part) -> str:
    for name in _DISTRIBUTIONS[part]:
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return _DISTRIBUTIONS[part][0]


if __name__ == "__main__":
    print(json.dumps(asdict(_load(cast(Part, sys.argv[1])))))

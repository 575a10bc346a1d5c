"""Check that the engines load and run a model correctly, each in its own process.

An engine's native code may hang or crash on an old processor, or with a NumPy that it was not built for; then
only that process is lost. Some engines load, but crash when they run a model. This module imports only the
standard library, so that it can even report that NumPy does not load.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib import import_module
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
_MODELS: dict[Part, str] = {"tflite": "model.tflite", "onnx": "model.onnx", "numpy": "model.npz"}
"""The model of each engine in ``models``: artifacts with golden samples, made by ``models/generate.py``."""
_TIMEOUT_S = 120.0
"""Loading ONNX Runtime from a slow SD card takes some seconds, and more in emulation."""
_IMPORTS: dict[Part, str] = {
    "tflite": "fmnist_runtime.engines.tflite",
    "onnx": "fmnist_runtime.engines.onnx",
    "numpy": "numpy.typing",  # of a folder that is empty, "import numpy" makes a package without complaint
}
"""The module that loads each engine."""


@dataclass(frozen=True)
class Loading:
    """The result of loading a part and running a model with it."""

    part: Part
    """What was loaded."""
    package: str
    """The package and its version; empty when it did not load."""
    installed: bool
    """Whether it is installed."""
    error: str
    """Why it did not load, or not run a model correctly; empty if it did."""

    @property
    def works(self) -> bool:
        """Whether it loaded, and ran a model correctly."""
        return not self.error


def load_parts() -> dict[Part, Loading]:
    """Load and try all parts at the same time, each in its own process."""
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
        process_group=0,  # only this process gets Ctrl-C, and then ends the other
    )


def _result(part: Part, process: subprocess.Popen[str]) -> Loading:
    try:
        output, _ = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Loading(part, "", True, f"it did not load and run a model within {_TIMEOUT_S:.0f} s")
    reported = _reported(output)
    if process.returncode < 0:
        return _crashed(part, reported, signal.Signals(-process.returncode).name)
    return reported or Loading(part, "", True, f"its process ended with {process.returncode} and no answer")


def _reported(output: str) -> Loading | None:
    """Return the last result that a process printed, among other output of an engine."""
    for line in reversed(output.splitlines()):
        with suppress(ValueError, TypeError):
            return Loading(**json.loads(line))
    return None


def _crashed(part: Part, reported: Loading | None, name: str) -> Loading:
    """Return the result of a part whose process crashed, before or after it had loaded."""
    processor = "; perhaps it needs a newer processor"
    if reported is None:
        error = f"it crashes when it is loaded ({name}){processor if name == 'SIGILL' else ''}"
        return Loading(part, "", True, error)
    packages = reported.package.split()[0] + " numpy" * (part != "numpy")
    remedy = processor if name == "SIGILL" else f": pip install --upgrade {packages}"
    return replace(reported, error=f"{_with_numpy(reported)} crashes when a model is run ({name}){remedy}")


def _load(part: Part) -> Loading:
    """Load a part in this process."""
    try:
        if part == "images":
            from fmnist_runtime.errors import needs_extra

            with needs_extra("images", "reading image files"):
                import PIL.Image  # noqa: F401
        else:
            import_module(_IMPORTS[part])
    except Exception as error:  # NumPy raises RuntimeError on a processor that is too old for it
        return Loading(part, "", not _is_missing(error), _reason(error))
    return Loading(part, _package(part), True, "")


def _main(loading: Loading) -> None:
    """Report to the parent that a part has loaded, as running a model may crash; then report the result."""
    if loading.works and loading.part in _MODELS:
        _report(replace(loading, error=f"{_with_numpy(loading)} ends its process when a model is run"))
        loading = _run(loading)
    _report(loading)


def _report(loading: Loading) -> None:
    print(json.dumps(asdict(loading)), flush=True)


def _run(loading: Loading) -> Loading:
    """Run golden images with a loaded part in this process."""
    from fmnist_runtime.verify import verify

    try:
        failures = verify(Path(__file__).with_name("models") / _MODELS[loading.part]).failures
    except Exception as error:  # engines raise errors without another common base
        return replace(loading, error=f"{_with_numpy(loading)} cannot run a model ({_reason(error)})")
    if not failures:
        return loading
    return replace(loading, error=f"{_with_numpy(loading)} gives wrong answers: {failures[0]}")


def _with_numpy(loading: Loading) -> str:
    """Return a package and its NumPy, with versions."""
    return loading.package if loading.part == "numpy" else f"{loading.package} with {_package('numpy')}"


def _reason(error: BaseException) -> str:
    """Return an error on one line; of nested import errors the innermost, as NumPy adds a page around it."""
    while isinstance(error, ImportError) and isinstance(
        inner := error.__cause__ or error.__context__, ImportError
    ):
        error = inner
    return " ".join(str(error).split()) or type(error).__name__


def _is_missing(error: Exception) -> bool:
    """Return whether the part itself is missing, as `needs_extra` reports, not a requirement of it."""
    cause = error.__cause__ or error
    return isinstance(cause, ModuleNotFoundError) and (cause is not error or cause.name == "numpy")


def _package(part: Part) -> str:
    for name in _DISTRIBUTIONS[part]:
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return _DISTRIBUTIONS[part][0]


if __name__ == "__main__":
    _main(_load(cast(Part, sys.argv[1])))

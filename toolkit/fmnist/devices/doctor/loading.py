"""Whether what runs models loads, and runs one as it should, each package in a process of its own.

An engine's native code may crash on an old processor, or with a NumPy that it was not built for, or hang, and
then takes only that process with it. Some engines load, and crash when they run a model. This module imports
nothing but the standard library, so that it can tell even that NumPy does not load.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
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
"""What each runs, in ``models``: artifacts with golden samples, which ``models/generate.py`` made."""
_TIMEOUT_S = 120.0
"""ONNX Runtime takes some seconds from a slow SD card, and more in emulation."""


@dataclass(frozen=True)
class Loading:
    """How loading a part went, and running a model with it."""

    part: Part
    """What was loaded."""
    package: str
    """The package and its version; empty when it did not load."""
    installed: bool
    """Whether it is there at all."""
    error: str
    """Why it did not load, or does not run a model as it should; empty when it does."""

    @property
    def works(self) -> bool:
        """Whether it loaded, and ran a model as it should."""
        return not self.error


def load_parts() -> dict[Part, Loading]:
    """Load and try all parts, at the same time, each in a process of its own."""
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
        output, _ = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Loading(part, "", True, f"it did not load and run a model within {_TIMEOUT_S:.0f} s")
    told = _told(output)
    if process.returncode < 0:
        return _crashed(part, told, signal.Signals(-process.returncode).name)
    return told or Loading(part, "", True, f"its process ended with {process.returncode} and no answer")


def _told(output: str) -> Loading | None:
    """The last thing that a process told, among all that an engine may have printed."""
    for line in reversed(output.splitlines()):
        with suppress(ValueError, TypeError):
            return Loading(**json.loads(line))
    return None


def _crashed(part: Part, told: Loading | None, name: str) -> Loading:
    """What ending by a signal says of a part, which has loaded if it has told so."""
    processor = "; perhaps it needs a newer processor"
    if told is None:
        error = f"it crashes when it is loaded ({name}){processor if name == 'SIGILL' else ''}"
        return Loading(part, "", True, error)
    packages = told.package.split()[0] + " numpy" * (part != "numpy")
    remedy = processor if name == "SIGILL" else f": pip install --upgrade {packages}"
    return replace(told, error=f"{_with_numpy(told)} crashes when a model is run ({name}){remedy}")


def _load(part: Part) -> Loading:
    """Load a part in this process."""
    try:
        _LOADERS[part]()
    except Exception as error:  # NumPy raises RuntimeError on a processor that is too old for it
        return Loading(part, "", not _is_missing(error), _reason(error))
    return Loading(part, _package(part), True, "")


def _main(loading: Loading) -> None:
    """Tell the parent that a part has loaded, as running a model may end this process; then how it ran."""
    if loading.works and loading.part in _MODELS:
        _tell(replace(loading, error=f"{_with_numpy(loading)} ends its process when a model is run"))
        loading = _run(loading)
    _tell(loading)


def _tell(loading: Loading) -> None:
    print(json.dumps(asdict(loading)), flush=True)


def _run(loading: Loading) -> Loading:
    """Have a part that loaded answer golden images in this process."""
    from fmnist_runtime.artifact.verify import verify

    try:
        failures = verify(Path(__file__).with_name("models") / _MODELS[loading.part]).failures
    except Exception as error:  # what engines raise has no common base but this
        return replace(loading, error=f"{_with_numpy(loading)} runs no model ({_reason(error)})")
    if not failures:
        return loading
    return replace(loading, error=f"{_with_numpy(loading)} gives wrong answers: {failures[0]}")


def _with_numpy(loading: Loading) -> str:
    """A package and the NumPy that it runs with, by their versions."""
    return loading.package if loading.part == "numpy" else f"{loading.package} with {_package('numpy')}"


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
    import fmnist_runtime.engines.tflite  # noqa: F401


def _onnx() -> None:
    import fmnist_runtime.engines.onnx  # noqa: F401


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
    _main(_load(cast(Part, sys.argv[1])))

"""Loading a model file with the engine that runs it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from fmnist_runtime.artifact.container import REJECTED, format_suffix, read_metadata
from fmnist_runtime.artifact.declared import NOTHING, read_declared
from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.opening import USER, Opening
from fmnist_runtime.engines.session import ModelInfo, Prediction, Session
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file
from fmnist_runtime.safety.check import require_sound

__all__ = ["ENGINES", "KERAS_SUFFIXES", "MAX_THREADS", "ModelInfo", "Prediction", "Session", "load"]

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
"""What originals end in, which a device does not run."""
KERAS_ENDINGS = ".keras, .h5 or .hdf5"
"""The same, for people."""
ENGINES = {
    "tflite": ((".tflite",), "fmnist_runtime.engines.tflite:TfliteSession"),
    "onnxruntime": ((".onnx",), "fmnist_runtime.engines.onnx:OnnxSession"),
    "numpy": ((".npz", ".tflite", ".onnx"), "fmnist_runtime.engines.numpy:NumpySession"),
    "null": ((".tflite", ".onnx", ".npz"), "fmnist_runtime.engines.null:NullSession"),
}
"""By an engine's name the suffixes of the files it runs, and the module and class that does it:
``class(opening)``, with an `Opening` that `open_sound` gives. Of several that run a
file, the first is what ``auto`` takes. numpy runs dense networks in float32 alone."""
MAX_THREADS = 256
"""An engine asked for a million takes minutes to start them."""


def load(
    path: str | os.PathLike[str],
    *,
    threads: int = 1,
    engine: str = "auto",
    labels: Sequence[str] | None = None,
    input_range: str | None = None,
    known_from: str = USER,
    output: str | None = None,
    order: Sequence[str] | None = None,
) -> Session:
    """Load an exported model.

    The engine is imported here and not before, so that a device needs only the one it uses.

    Args:
        path: A ``.tflite`` or ``.onnx`` file, ours or anybody's, or an ``.npz`` of ours.
        threads: Threads one inference may use, 1 to `MAX_THREADS`.
        engine: A name in `ENGINES`, or ``auto``.
        labels: Class names, for a file that carries none or others.
        input_range: What pixels become, such as ``0-1`` (see `artifact.contract`), of a file that
            nobody has sealed. Where neither you nor its metadata nor an integer input say so, it can be
            looked into, but it scores no image.
        known_from: Where you know the range from, for ``info.contract``.
        output: Name of the output that the scores are, where a file has several that could be.
        order: The file's own class names, in the order in which you want the scores.

    Returns:
        A session, which is also a context manager. Threads that run at once load one each.

    Raises:
        ModelError: The file is missing, damaged, not a classifier of images, or not for this engine; or there
            are no threads, or other than a name for each class, or the range is none.
        MissingExtraError: The engine is not installed.
    """
    path = Path(path)
    suffix = format_suffix(path)
    if suffix in KERAS_SUFFIXES and path.is_file():
        raise ModelError(f"{path}: is a Keras model; make one for the device with: fmnist export {path}")
    engines = {name: runner for name, (suffixes, runner) in ENGINES.items() if suffix in suffixes}
    if not engines:
        raise ModelError(f"{path}: {_no_model(path, suffix)}")
    require_file(path, "a model file", ModelError)
    name = next(iter(engines)) if engine == "auto" else engine
    if name not in engines:
        raise ModelError(f"{path}: engine {engine!r} does not run it; {' or '.join(engines)} does")
    if not isinstance(threads, int) or not 1 <= threads <= MAX_THREADS:
        raise ModelError(f"{path}: cannot be run by {threads!r} threads; give 1 to {MAX_THREADS}")
    wanted = None if order is None else tuple(order)
    opening = open_sound(
        Opening(path, threads, _names(labels, path), input_range, known_from, output, wanted)
    )
    module, _, kind = engines[name].partition(":")
    session: BaseSession = getattr(import_module(module), kind)(opening)
    metadata = session.info.metadata
    if metadata is not None and metadata.rejected and path.suffix != REJECTED:
        session.close()
        raise ModelError(f"{path}: was rejected when it was made, {metadata.rejected}; export it again")
    return session


def _no_model(path: Path, suffix: str) -> str:
    """Why a file of a suffix that no engine runs cannot be loaded."""
    from fmnist_runtime.artifact.mistaken import mistaken

    known = " or ".join(dict.fromkeys(suffix for suffixes, _ in ENGINES.values() for suffix in suffixes))
    if not path.is_dir():
        require_file(path, f"a model, which ends in {known}", ModelError)
    return mistaken(path) or f"a model file ends in {known}, not {suffix or 'this'}"


def open_sound(opening: Opening) -> Opening:
    """Check a file before an engine sees it, and read what it says of itself.

    Raises:
        ModelError: It is damaged.
    """
    running = require_sound(opening.path)
    metadata = read_metadata(opening.path)
    declared = read_declared(opening.path) if metadata is None else NOTHING
    return replace(opening, metadata=metadata, declared=declared, running=running)


def _names(labels: Sequence[str] | None, path: Path) -> tuple[str, ...] | None:
    if isinstance(labels, str):  # a sequence of letters; a path of ten of them would name ten classes
        raise ModelError(
            f"{path}: labels are names, not {labels!r}; "
            "read a file with fmnist_runtime.data.labels.read_labels"
        )
    names = None if labels is None else tuple(labels)
    wrong = [name for name in names or () if not isinstance(name, str)]
    if wrong:
        raise ModelError(f"{path}: labels are names, each a str, not {type(wrong[0]).__name__}")
    return names

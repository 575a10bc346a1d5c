"""Loading a model file with an engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from fmnist_runtime.artifact.container import REJECTED, format_suffix
from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.session import ModelInfo, Prediction, Session
from fmnist_runtime.engines.session_options import USER, SessionOptions
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file

__all__ = ["ENGINES", "KERAS_SUFFIXES", "MAX_THREADS", "ModelInfo", "Prediction", "Session", "load"]

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
"""Suffixes of originals, which a device does not run."""
KERAS_ENDINGS = ".keras, .h5 or .hdf5"
"""The same, for messages."""
ENGINES = {
    "tflite": ((".tflite",), "fmnist_runtime.engines.tflite:TfliteSession"),
    "onnxruntime": ((".onnx",), "fmnist_runtime.engines.onnx:OnnxSession"),
    "numpy": ((".npz", ".tflite", ".onnx"), "fmnist_runtime.engines.numpy:NumpySession"),
    "tflm": ((".tflite",), "fmnist_runtime.engines.tflm:TflmSession"),
    "native": ((".c",), "fmnist_runtime.engines.native:NativeSession"),
    "null": ((".tflite", ".onnx", ".npz", ".c"), "fmnist_runtime.engines.null:NullSession"),
}
"""By name: the suffixes of the files that an engine runs, and the module and class of its session, which
takes `SessionOptions`. ``auto`` is the first engine that runs a file. numpy runs only dense networks in
float32."""
MAX_THREADS = 256
"""An engine takes minutes to start a million threads."""


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

    Only the engine that is needed is imported, so that a device needs no other.

    Args:
        path: Any ``.tflite`` or ``.onnx`` file, or an ``.npz`` or ``.c`` of ours.
        threads: Threads of one inference, 1 to `MAX_THREADS`.
        engine: A name in `ENGINES`, or ``auto``.
        labels: Class names, for a file that has none or others.
        input_range: Input range, such as ``0-1`` (see `artifact.contract`), of a file that is not sealed. If
            neither you nor its metadata nor an integer input say it, the session can be inspected, but it
            scores no image.
        known_from: Source of the range, for ``info.contract``.
        output: Name of the output with the scores, if several are possible.
        order: The file's own class names, in the order in which you want the scores.

    Returns:
        A session, which is also a context manager. Concurrent threads load one each.

    Raises:
        ModelError: The file is missing, damaged, not an image classifier, or not for this engine; or the
            threads, the labels or the range are not valid.
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
    options = SessionOptions(path, threads, _names(labels, path), input_range, known_from, output, wanted)
    module, _, kind = engines[name].partition(":")
    session: BaseSession = getattr(import_module(module), kind)(options)
    metadata = session.info.metadata
    if metadata is not None and metadata.rejected and path.suffix != REJECTED:
        session.close()
        raise ModelError(f"{path}: was rejected when it was made, {metadata.rejected}; export it again")
    return session


def _no_model(path: Path, suffix: str) -> str:
    """Return why no engine can load a file of this suffix."""
    from fmnist_runtime.artifact.wrong_file import explain_wrong_file

    known = " or ".join(dict.fromkeys(suffix for suffixes, _ in ENGINES.values() for suffix in suffixes))
    if not path.is_dir():
        require_file(path, f"a model, which ends in {known}", ModelError)
    return explain_wrong_file(path) or f"a model file ends in {known}, not {suffix or 'this'}"


def _names(labels: Sequence[str] | None, path: Path) -> tuple[str, ...] | None:
    if isinstance(labels, str):  # a str is a sequence: a path of ten letters would name ten classes
        raise ModelError(
            f"{path}: labels are names, not {labels!r}; "
            "read a file with fmnist_runtime.data.labels.read_labels"
        )
    names = None if labels is None else tuple(labels)
    wrong = [name for name in names or () if not isinstance(name, str)]
    if wrong:
        raise ModelError(f"{path}: labels are names, each a str, not {type(wrong[0]).__name__}")
    return names

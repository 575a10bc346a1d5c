"""Reading a Keras model's file, and why it cannot be read."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

from fmnist_runtime.artifact.wrong_file import explain_wrong_file
from fmnist_runtime.engines import KERAS_ENDINGS, KERAS_SUFFIXES
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file

_HDF5_SUFFIXES = KERAS_SUFFIXES[1:]
_OWN_CODE = re.compile(r"(?:Could not locate|Unknown) (\w+):? '([^']+)'")
"""What Keras says of a class or function that is not its own; in a .keras file, and in HDF5."""
_OF_KERAS = re.compile(r"object config: \{'module': 'keras")
_NEW_CLASS = re.compile(r"Could not deserialize '(keras[\w.]+)'")
_NEW_ARGUMENT = re.compile(r"Unrecognized keyword arguments passed to (\w+): (\{.*?\})")
_WRONG_WEIGHTS = re.compile(r"(Layer '[^']+' expected \d+ variables, but received \d+ variables)")
_PYTHON = ("`Lambda` layer", "__lambda__", "enable_unsafe_deserialization")
_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, UnicodeDecodeError)


class _OldDepthwise(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    """Reads what Keras 2 wrote: it also says that there is one group, which Keras 3 takes for a mistake."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer of Keras itself."""
        if config.get("groups") == 1:
            config = {key: value for key, value in config.items() if key != "groups"}
        return keras.layers.DepthwiseConv2D.from_config(config)


def load_keras(path: Path) -> Any:
    """Load a Keras model, without running any code that is in it.

    Raises:
        ModelError: The file is missing, damaged, or holds what this Keras cannot build.
    """
    if path.suffix.lower() not in KERAS_SUFFIXES:
        raise ModelError(f"{path}: a Keras model's file ends in {KERAS_ENDINGS}")
    require_file(path, "a Keras model", ModelError)
    old = {"DepthwiseConv2D": _OldDepthwise} if path.suffix.lower() in _HDF5_SUFFIXES else None
    try:
        return keras.saving.load_model(path, custom_objects=old, compile=False)
    except Exception as error:  # what Keras raises for damaged files has no common base but this
        raise ModelError(f"{path}: {explain_wrong_file(path) or _reason(error, path)}") from error


def _reason(error: Exception, path: Path) -> str:
    """Why Keras does not load a file, and what mends it: Keras says the cause last, behind much else."""
    texts = [" ".join(str(cause).split()) for cause in _causes(error)]
    whole = " ".join(texts)
    if any(sign in whole for sign in _PYTHON):
        return (
            "holds a Lambda layer or function, which is Python code that is not run; write it with layers or "
            "with operations of keras.ops, such as keras.ops.relu(x), and save the model again"
        )
    if (own := _OWN_CODE.search(texts[-1])) and not _OF_KERAS.search(texts[-1]):
        kind, name = own.groups()
        return (
            f"needs the {kind} {name.rpartition('>')[2]!r}, which is not of Keras: its code is not in the "
            "file; build the model of Keras's own layers and operations of keras.ops, and save it again"
        )
    saved, here = _saved_by(path), f"Keras {keras.version()}"
    by = f"was saved by {saved}" if saved else "was saved by another Keras"
    again = f"load it with {saved or 'that'}, and save it again as .keras, or install that version here"
    if new := (_NEW_CLASS.search(whole) or own):
        return f"{by}, and {here} has no {new.groups()[-1].rpartition('.')[2]}; {again}"
    if argument := _NEW_ARGUMENT.search(whole):
        return f"{by}, and {argument[1]} of {here} does not take {argument[2]}; {again}"
    if weights := _WRONG_WEIGHTS.search(whole):
        return (
            f"not a model that {here} can load: its weights are not those of its layers ({weights[1]}); save "
            "the model again, before quantize() if it was called"
        )
    if "No model config found" in whole:
        return (
            f"not a model that {here} can load: it holds no network, only weights if anything; save the "
            "whole model with model.save('NAME.keras')"
        )
    if "model.weights" in whole and "Expected a" in whole:
        return f"not a model that {here} can load: its weights are missing; save it again with model.save()"
    if isinstance(error, OSError) or "accessible `.keras` zip file" in whole:
        return f"not a model that {here} can load: the file is cut or damaged; copy or save it again"
    return f"not a model that {here} can load ({texts[-1]})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, the first cause last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _saved_by(path: Path) -> str:
    """Keras and its version, as a file says; empty where it does not."""
    try:
        if path.suffix.lower() in _HDF5_SUFFIXES:
            with h5py.File(path) as file:
                version = file.attrs["keras_version"]
        else:
            with zipfile.ZipFile(path) as archive:
                version = json.loads(archive.read("metadata.json"))["keras_version"]
    except _BROKEN:
        return ""
    return f"Keras {version.decode() if isinstance(version, bytes) else version}"

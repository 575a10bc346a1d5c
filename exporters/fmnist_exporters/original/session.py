"""Loads and runs an original, a Keras model, with the interface of the artifacts made from it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fmnist_exporters.original.classifier import Classifier, as_classifier
from fmnist_runtime.artifact.contract import RAW, parse_range
from fmnist_runtime.artifact.wrong_file import explain_wrong_file
from fmnist_runtime.engines import KERAS_ENDINGS, KERAS_SUFFIXES
from fmnist_runtime.engines.base import BaseSession, image_writer
from fmnist_runtime.engines.plan import Plan
from fmnist_runtime.engines.session_options import USER, ImageTensor, SessionOptions
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file

_HDF5_SUFFIXES = KERAS_SUFFIXES[1:]
_OWN_CODE = re.compile(r"(?:Could not locate|Unknown) (\w+):? '([^']+)'")
"""Keras's messages for a class or function that is not part of Keras, from .keras and HDF5 files."""
_OF_KERAS = re.compile(r"object config: \{'module': 'keras")
_NEW_CLASS = re.compile(r"Could not deserialize '(keras[\w.]+)'")
_NEW_ARGUMENT = re.compile(r"Unrecognized keyword arguments passed to (\w+): (\{.*?\})")
_WRONG_WEIGHTS = re.compile(r"(Layer '[^']+' expected \d+ variables, but received \d+ variables)")
_PYTHON = ("`Lambda` layer", "__lambda__", "enable_unsafe_deserialization")
_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, UnicodeDecodeError)


def limit_threads(threads: int) -> None:
    """Set the number of threads of one TensorFlow operation, unless TensorFlow already runs."""
    with contextlib.suppress(RuntimeError):  # it runs; `KerasSession.info` has the actual number
        tf.config.threading.set_intra_op_parallelism_threads(threads)


class KerasSession(BaseSession):
    """Any Keras classifier; raw pixels in, probabilities out."""

    def __init__(
        self,
        path: Path,
        labels: tuple[str, ...] | None = None,
        threads: int = 1,
        input_range: str | None = RAW,
        known_from: str = USER,
        trained_on: tuple[str, str, str] = ("", "", ""),
    ) -> None:
        """Load a ``.keras``, ``.h5`` or ``.hdf5`` file.

        Args:
            path: The file.
            labels: Class names; numbers when not given.
            threads: Threads of one inference, unless TensorFlow already runs in this process.
            input_range: Pixel range the model was trained on (see `artifact.contract`); the session takes
                raw pixels in any case. None if it is unknown, so that nothing can be scored.
            known_from: Source of the input range.
            trained_on: Name of the data set, digest of its test split, and preparation of its pictures; empty
                where unknown.

        Raises:
            ModelError: The file is missing, damaged, or not an image classifier.
        """
        limit_threads(threads)
        try:
            pixels = parse_range(input_range or RAW)
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from error
        self._engine = load_keras(path)
        try:
            self._classifier = as_classifier(self._engine, pixels)
        except ModelError as error:
            raise type(error)(f"{path}: {error}") from error
        except Exception as error:  # a user's layer may raise anything
            raise ModelError(f"{path}: is not an image classifier ({error})") from error
        model = self._classifier.model
        image = ImageTensor(tuple(model.input_shape[1:]), np.dtype(np.float32))
        taken = tf.config.threading.get_intra_op_parallelism_threads()
        options = SessionOptions(path, taken, labels, input_range, known_from)
        engine, classes = f"keras {keras.version()}", self._classifier.classes
        known = dict(zip(("dataset", "dataset_digest", "preparation"), trained_on, strict=True))
        info = options.info("keras", engine, image, classes, scheme="original", **known)
        if note := self._classifier.head.note:
            info = replace(info, notes=(*info.notes, f"{path}: {note}"))
        self._raw = replace(info.contract, range=RAW)  # the classifier converts the pixels itself
        super().__init__(info, self._classifier.block, "none")

    @property
    def model(self) -> Any:
        """The Keras model itself."""
        return self._engine

    @property
    def classifier(self) -> Classifier:
        """The Keras model as a classifier of raw pixels."""
        return self._classifier

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.empty((shape[0], *self._raw.shape), np.uint8)
        scores = np.empty((shape[0], len(self._info.labels)), np.float32)

        def call() -> None:
            scores[...] = self._classifier.scores(pixels)

        return Plan(image_writer(pixels, shape, self._raw), call, scores)


def _modern(config: Any) -> Any:
    """Return the configuration of a Keras 2 model as Keras 3 reads it.

    Keras 2 has names of its modules, one group in depthwise convolutions, lists of one axis in
    normalisations, and lists of one input and output in models, all of which Keras 3 rejects or takes
    otherwise. Teachable Machine writes such files.
    """
    if isinstance(config, list):
        return [_modern(each) for each in config]
    if not isinstance(config, dict):
        return config
    kept = {key: _modern(value) for key, value in config.items()}
    inner = kept.get("config")
    if "class_name" in kept and isinstance(inner, dict):
        kept = {key: value for key, value in kept.items() if key not in ("module", "registered_name")}
        axis = inner.get("axis")
        if kept["class_name"] == "DepthwiseConv2D" and inner.get("groups") == 1:
            del inner["groups"]
        if kept["class_name"] == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
            inner["axis"] = axis[0]
        for ends in ("input_layers", "output_layers"):
            if isinstance(inner.get(ends), list) and len(inner[ends]) == 1:
                inner[ends] = inner[ends][0]  # else the model returns a list of one
    return kept


def _load_hdf5(path: Path) -> Any:
    """Load a model from HDF5, in which Keras 2 keeps models."""
    import h5py  # Keras requires it

    if _saved_by(path).startswith("Keras 3"):
        return keras.saving.load_model(path, compile=False)
    image = keras.Input((1,))
    inside = {"Functional": type(keras.Model(image, image))}  # a model inside another one
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            if "model_config" in file.attrs:
                text = file.attrs["model_config"]
                file.attrs["model_config"] = json.dumps(_modern(json.loads(text)))
        return keras.saving.load_model(copy, custom_objects=inside, compile=False)


def load_keras(path: Path) -> Any:
    """Load a Keras model without running code that it contains.

    Raises:
        ModelError: The file is missing or damaged, or this Keras cannot build the model.
    """
    if path.suffix.lower() not in KERAS_SUFFIXES:
        raise ModelError(f"{path}: a Keras model's file ends in {KERAS_ENDINGS}")
    require_file(path, "a Keras model", ModelError)
    try:
        if path.suffix.lower() in _HDF5_SUFFIXES:
            return _load_hdf5(path)
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras's exceptions for damaged files have no other common base
        raise ModelError(f"{path}: {explain_wrong_file(path) or _reason(error, path)}") from error


def _reason(error: Exception, path: Path) -> str:
    """Return why Keras does not load a file, and the remedy. Keras names the cause last, after much else."""
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
    """Yield an error and its causes, the first cause last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _saved_by(path: Path) -> str:
    """Return the Keras version that a file names; empty if it names none."""
    import h5py  # Keras requires it. A missing extra is recognised by Keras, which is imported first

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

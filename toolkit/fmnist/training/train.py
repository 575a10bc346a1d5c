"""Training a model into a run directory, from the start or from a checkpoint."""

from __future__ import annotations

import io
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmnist.models.open import images_of_a_dataset
from fmnist.results.write import to_json
from fmnist.runs.history import Epoch, history_csv
from fmnist.runs.run import Run, TrainingBody
from fmnist.runs.settings import TrainSettings
from fmnist.text.progress import say_notes
from fmnist.training.checkpoints import (
    HISTORY,
    MODEL,
    STATE,
    Checkpoint,
    remove_checkpoints,
    state_json,
    write_checkpoint,
)
from fmnist.training.input_range import require_raw_pixels
from fmnist.training.loop import EpochLoop
from fmnist.training.network import build_model
from fmnist.training.preflight import load_test_split, require_enough, require_space
from fmnist_exporters.original.precision import Precision
from fmnist_exporters.original.session import KerasSession, limit_threads
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.errors import DatasetError, ModelError, TrainingStoppedError
from fmnist_runtime.evaluate import evaluate, score_dataset
from fmnist_runtime.files import sha256_file, write_atomically
from fmnist_runtime.recorded import Reference, write_reference


@dataclass(frozen=True)
class Training:
    """A finished training."""

    run: Run
    """Where its files are."""
    test_accuracy: float
    """Accuracy on the test split."""
    parameters: int
    """Number of trained weights."""


def train(
    settings: TrainSettings,
    run: Run,
    data_dir: Path | None,
    on_epoch: Callable[[Epoch], None],
    start: Checkpoint | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Training:
    """Train a model and write what belongs into a run, ``train.json`` last.

    After each epoch there is a checkpoint; what is killed can go on from there.

    Args:
        settings: What to train and how.
        run: Where to; files of an earlier training there are replaced when this one has finished.
        data_dir: Where the data set lies, if not in one of the usual places.
        on_epoch: Called after each epoch.
        start: The state to go on from; None for the start.
        callbacks: Keras's own, told of the begin and end of the training and of its epochs.

    Raises:
        DatasetError: The data set is missing, damaged, or not the one that was trained on.
        ModelError: The state to go on from is damaged or does not fit the data set.
        OutputError: A file cannot be written; a full disk is found before training.
        TrainingStoppedError: The loss is no number any more, or the user pressed Ctrl-C.
    """
    training = load_dataset(settings.dataset, "train", data_dir)
    say_notes(training.notes)
    test = load_test_split(training, data_dir)
    require_enough(training, settings)
    if start and start.train_digest not in ("", training.digest):
        raise DatasetError(f"{training.name}: is not the data set that {start.model} was trained on")
    limit_threads(1)  # see fmnist.training.loop
    keras.utils.set_random_seed(settings.seed)
    model = _load(start, training, settings) if start else _build(training, settings)
    require_space(run, model.count_params())
    if start is None or not start.model.is_relative_to(run.folder):
        write_atomically(run.initial_weights, _trained_arrays(model))
        remove_checkpoints(run)  # of another training that was here before
    epochs = _run_epochs(model, training, settings, run, on_epoch, start, callbacks)
    return _finish(model, epochs, training, test, settings, run)


def _run_epochs(
    model: Any,
    training: Dataset,
    settings: TrainSettings,
    run: Run,
    on_epoch: Callable[[Epoch], None],
    start: Checkpoint | None,
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[Epoch, ...]:
    """Do the epochs that are still to be done, with a checkpoint after each; gives the whole history."""
    loop = EpochLoop(model, training, settings)
    listeners = keras.callbacks.CallbackList(list(callbacks), model=model)
    epochs = start.epochs if start else ()
    model.stop_training = False
    listeners.on_train_begin()
    try:
        for number in range(len(epochs), settings.epochs):
            listeners.on_epoch_begin(number)
            begin = time.perf_counter()
            figures = loop.run(number)
            if not math.isfinite(figures["loss"]):
                raise _diverged(run, number)
            epochs = (*epochs, Epoch(epoch=number + 1, seconds=time.perf_counter() - begin, **figures))
            files = {
                MODEL: model_bytes(model),
                HISTORY: history_csv(epochs),
                STATE: state_json(settings, training.digest),
            }
            write_checkpoint(run, number + 1, files)
            on_epoch(epochs[-1])
            listeners.on_epoch_end(number, figures)
            if model.stop_training:
                break
    except KeyboardInterrupt:
        raise _interrupted(run, len(epochs)) from None
    listeners.on_train_end()
    return epochs


def _interrupted(run: Run, done: int) -> TrainingStoppedError:
    if not done:
        return TrainingStoppedError(f"{run.folder}: stopped before an epoch was finished; nothing is saved")
    mend = f"go on with: fmnist train --resume {run.folder}"
    return TrainingStoppedError(f"{run.folder}: stopped; {done} epochs are saved; {mend}")


def _diverged(run: Run, number: int) -> TrainingStoppedError:
    kept = f"the checkpoint after epoch {number} is kept" if number else "nothing was learned"
    return TrainingStoppedError(f"{run.folder}: the loss is not a number in epoch {number + 1}; {kept}")


def _finish(
    model: Any, epochs: tuple[Epoch, ...], training: Dataset, test: Dataset, settings: TrainSettings, run: Run
) -> Training:
    write_atomically(run.model, model_bytes(model))
    write_atomically(run.history, history_csv(epochs))
    reference = score_original(run.model, test)
    write_reference(run.reference, reference)
    accuracy = evaluate(reference.scores, test.targets).accuracy
    record = TrainingBody(
        settings=settings,
        labels=training.labels,
        train_digest=training.digest,
        test_digest=test.digest,
        model_sha256=reference.model_sha256,
        parameters=model.count_params(),
        test_accuracy=accuracy,
        epochs=epochs,
        finished=datetime.now(UTC).isoformat(),
    )
    write_atomically(run.train_json, to_json("train", record).encode())
    return Training(run, accuracy, model.count_params())


def score_original(path: Path, test: Dataset, input_range: str = RAW) -> Reference:
    """The reference that artifacts of a Keras model are compared with: its scores for a test split."""
    with KerasSession(path, test.labels, input_range=input_range) as session:
        scores, _ = score_dataset(session, test)
        precision = Precision(session.classifier)
        noise = precision.rounding_that_matters(session.fit(test.images), scores)
    return Reference(
        model=path.name,
        model_sha256=sha256_file(path),
        dataset=test.name,
        dataset_digest=test.digest,
        labels=test.labels,
        source_range=input_range,
        rounding=noise,
        scores=scores,
        targets=test.targets,
    )


def model_bytes(model: Any) -> bytes:
    """The ``.keras`` file's content: Keras writes only to a path, and not atomically."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _build(training: Dataset, settings: TrainSettings) -> Any:
    return build_model(settings, training.images.shape[1:], len(training.labels))


def _load(start: Checkpoint, training: Dataset, settings: TrainSettings) -> Any:
    """A model with its optimizer's state; one that was saved without gets the settings' optimizer."""
    path = start.model
    with KerasSession(path, training.labels) as session:  # checks file, shapes and number of classes
        with images_of_a_dataset():
            session.fit(training.images[:1])
        if (head := session.classifier.head.kind) != "none":
            end = "logits" if head == "softmax" else "no softmax"
            raise ModelError(f"{path}: ends in {end}; training goes on with a model that ends in softmax")
        if start.settings is None:
            require_raw_pixels(session, training)
    try:
        model: Any = keras.saving.load_model(path)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: its optimizer cannot be restored ({error})") from error
    if getattr(model, "optimizer", None) is None:  # Keras leaves it out of a model that was never compiled
        model.compile(keras.optimizers.Adam(settings.learning_rate), "sparse_categorical_crossentropy")
    return model


def _trained_arrays(model: Any) -> bytes:
    """An ``.npz`` with the trained weights, named such as ``hidden_1/kernel``."""
    prefix = f"{model.name}/"
    arrays: dict[str, Any] = {v.path.removeprefix(prefix): np.asarray(v) for v in model.trainable_variables}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()

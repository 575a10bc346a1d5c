"""Train a model into a run directory, from the start or from a checkpoint.

Everything that could fail after the epochs is checked before them.
"""

from __future__ import annotations

import io
import math
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

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
    latest_checkpoint,
    remove_checkpoints,
    state_json,
    write_checkpoint,
)
from fmnist.training.loop import EpochLoop
from fmnist.training.networks import build_model
from fmnist_exporters.original.precision import Precision
from fmnist_exporters.original.session import KerasSession, limit_threads
from fmnist_exporters.samples import HELD_OUT_IMAGES
from fmnist_runtime.artifact.contract import RAW, PixelRange, parse_range
from fmnist_runtime.artifact.range_search import FoundRange, candidates, find_contradiction, find_other_range
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.errors import (
    DatasetError,
    ModelError,
    OutputError,
    TrainingStoppedError,
    UnknownInputError,
)
from fmnist_runtime.evaluate import evaluate, score_dataset
from fmnist_runtime.files import sha256_file, write_atomically
from fmnist_runtime.recorded import Reference, write_reference


@dataclass(frozen=True)
class Training:
    """A finished training."""

    run: Run
    """The run."""
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
    """Train a model and write the files of a run, ``train.json`` last.

    Each epoch ends with a checkpoint, from which an interrupted training can be continued: that is ``start``.
    Files of an earlier training are replaced when this one has finished. The callbacks are Keras's, called at
    the start and end of the training and of its epochs.

    Raises:
        DatasetError: The data set is missing, damaged, or not the one that was trained on.
        ModelError: The state to continue from is damaged or does not match the data set.
        OutputError: A file cannot be written; a full disk is found before training.
        TrainingStoppedError: The loss is not a number, or the user pressed Ctrl-C.
    """
    training = load_dataset(settings.dataset, "train", data_dir)
    say_notes(training.notes)
    test = load_test_split(training, data_dir)
    require_enough(training, settings)
    if start and start.train_digest not in ("", training.digest):
        raise DatasetError(f"{training.name}: is not the data set that {start.model} was trained on")
    limit_threads(1 if settings.network == "mlp" else os.cpu_count() or 1)  # see fmnist.training.loop
    keras.utils.set_random_seed(settings.seed)
    if start:
        model = _load(start, training, settings)
    else:
        model = build_model(settings, training.images.shape[1:], len(training.labels))
    require_space(run, model.count_params())
    if start is None or not start.model.is_relative_to(run.folder):
        write_atomically(run.initial_weights, _trained_arrays(model))
        remove_checkpoints(run)  # of an earlier training
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
    """Run the remaining epochs, with a checkpoint after each; return the whole history."""
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
                kept = f"the checkpoint after epoch {number} is kept" if number else "nothing was learned"
                reason = f"the loss is not a number in epoch {number + 1}; {kept}"
                raise TrainingStoppedError(f"{run.folder}: {reason}")
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
    except (KeyboardInterrupt, SystemError) as error:
        # Ctrl-C while NumPy copies an array becomes a SystemError caused by the KeyboardInterrupt.
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        raise _interrupted(run) from None
    listeners.on_train_end()
    return epochs


def _interrupted(run: Run) -> TrainingStoppedError:
    saved = latest_checkpoint(run)  # Ctrl-C may come between an epoch and its checkpoint
    if saved is None:
        return TrainingStoppedError(
            f"{run.folder}: stopped before the first epoch was finished; nothing is saved"
        )
    mend = f"continue with: fmnist train --resume {run.folder}"
    return TrainingStoppedError(f"{run.folder}: stopped; {len(saved.epochs)} epochs are saved; {mend}")


def _finish(
    model: Any, epochs: tuple[Epoch, ...], training: Dataset, test: Dataset, settings: TrainSettings, run: Run
) -> Training:
    content = model_bytes(model)
    run.import_json.unlink(missing_ok=True)  # of a model that was imported before, as its file is
    for path in run.originals()[1:]:
        path.unlink(missing_ok=True)
    write_atomically(run.model, content)
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
    """Return the reference of a Keras model: its scores on a test split."""
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
    """Return the content of the ``.keras`` file; Keras writes only to a path, and not atomically."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _load(start: Checkpoint, training: Dataset, settings: TrainSettings) -> Any:
    """Load a model with its optimizer's state; without an optimizer, use Adam."""
    path, taken = start.model, start.input_range or RAW
    with KerasSession(path, training.labels, input_range=taken) as session:  # checks file, shapes, classes
        with images_of_a_dataset():
            session.fit(training.images[:1])
        if (head := session.classifier.head.kind) != "none":
            end = "logits" if head == "softmax" else "no softmax"
            raise ModelError(f"{path}: ends in {end}; training goes on with a model that ends in softmax")
        if start.settings is None and start.input_range is None:
            require_raw_pixels(session, training)
    try:
        model: Any = keras.saving.load_model(path)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: its optimizer cannot be restored ({error})") from error
    if getattr(model, "optimizer", None) is None:  # missing in a model that was never compiled
        model.compile(keras.optimizers.Adam(settings.learning_rate), "sparse_categorical_crossentropy")
    has_schedule = isinstance(model.optimizer.get_config().get("learning_rate"), dict)
    if has_schedule and settings.learning_rate != TrainSettings.learning_rate:
        raise ModelError(f"{path}: follows a schedule of its own; leave out --learning-rate")
    return model if taken == RAW else _of_raw_pixels(model, parse_range(taken))


def _of_raw_pixels(model: Any, pixels: PixelRange) -> Any:
    """Return a model with the scaling of pixels in front, and its optimizer."""
    image = keras.Input(model.input_shape[1:], name="image")
    scale, offset = (each[0] if len(each) == 1 else list(each) for each in (pixels.scale, pixels.offset))
    ordered = keras.ops.flip(image, -1) if pixels.bgr else image
    scaled = keras.layers.Rescaling(scale, offset, name="normalisation")(ordered)
    whole = keras.Model(image, model(scaled), name="classifier")
    whole.compile(model.optimizer, "sparse_categorical_crossentropy")
    return whole


def _trained_arrays(model: Any) -> bytes:
    """Return an ``.npz`` of the weights, with names such as ``hidden_1/kernel``."""
    prefix = f"{model.name}/"
    arrays: dict[str, Any] = {v.path.removeprefix(prefix): np.asarray(v) for v in model.trainable_variables}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


_BYTES_PER_WEIGHT = 50
"""Required free space: the model and two checkpoints, each with two moments of Adam in float32, and the
weights before training need 40."""


def load_test_split(training: Dataset, data_dir: Path | None) -> Dataset:
    """Return the test split, with the training split's classes.

    Raises:
        DatasetError: It has other classes or images of another shape.
    """
    test = load_dataset(training.name, "test", data_dir)
    if test.images.shape[1:] != training.images.shape[1:]:
        raise DatasetError(
            f"{training.name}: training images have shape {training.images.shape[1:]}, "
            f"test images {test.images.shape[1:]}"
        )
    if int(test.targets.max()) >= len(training.labels):
        raise DatasetError(
            f"{training.name}: test label {test.targets.max()} is none of the "
            f"{len(training.labels)} classes of the training images"
        )
    return replace(test, labels=training.labels)


def require_enough(training: Dataset, settings: TrainSettings) -> None:
    """Check that there are classes to learn, and images for training and validation.

    Raises:
        DatasetError: There are not.
    """
    if len(training.labels) < 2:
        raise DatasetError(f"{training.name}: has one class; a classifier needs two")
    if int(training.targets.max()) + 1 < len(training.labels):
        raise DatasetError(
            f"{training.name}: labels.txt names {len(training.labels)} classes, but the training images "
            f"are of the first {training.targets.max() + 1}"
        )
    split = settings.validation_split
    kept = int(len(training.images) * (1 - split))  # as Keras splits
    if kept == 0 or (split and kept == len(training.images)):
        raise DatasetError(
            f"{training.name}: {len(training.images)} training images cannot be split into training and "
            f"validation by {split:g}"
        )


def require_space(run: Run, parameters: int) -> None:
    """Check that the disk has room for the run.

    Raises:
        OutputError: It does not.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    needed = space_needed(parameters)
    free = shutil.disk_usage(run.folder).free
    if free < needed:
        raise OutputError(f"{run.folder}: {free / 1e6:.1f} MB are free, training needs {needed / 1e6:.1f} MB")


def space_needed(parameters: int) -> int:
    """Return the bytes that a run needs at most during training, by its number of weights."""
    return _BYTES_PER_WEIGHT * parameters + 2_000_000  # and scores, history, records


def require_raw_pixels(session: KerasSession, training: Dataset) -> None:
    """Check with labelled images that a model was trained on pixels of 0-255, or is untrained.

    A training on raw pixels would silently destroy a model that knows x/255. The model gives probabilities.

    Raises:
        ModelError: It was trained on another range; the text has the command to type.
    """
    other = _find_other(session, training)
    if other is not None:
        path = session.info.path
        raise ModelError(
            f"{path}: takes pixels of {other.best.range}, {other}; training takes {RAW}, so put the scaling "
            f"into the model: --resume {shlex.quote(str(path))} --input-range {other.best.range}"
        )


def _find_other(session: KerasSession, training: Dataset) -> FoundRange | None:
    """Return a range other than 0-255 that fits labelled images better, or None."""
    chosen = slice(None, None, max(1, len(training.images) // HELD_OUT_IMAGES))  # may be sorted by class
    images, targets = session.fit(training.images[chosen]), training.targets[chosen]

    def score(range: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.nan_to_num(session.classifier.with_range(parse_range(range)).scores(images))

    ranges = candidates(3 if images.ndim == 4 and images.shape[-1] == 3 else 1)
    try:
        found, _ = find_other_range(score, RAW, ranges, images, targets, session.info.path)
    except UnknownInputError:  # several fit
        return find_contradiction(score, RAW, [range for range in ranges if range != RAW], images, targets)
    return found if found.best.range != RAW else None

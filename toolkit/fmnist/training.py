"""Training the lectures' network, with the normalisation they teach inside the model."""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import keras

from fmnist.results import to_json
from fmnist.runs import Run
from fmnist.settings import TrainSettings
from fmnist_exporters.original import KerasSession
from fmnist_runtime.datasets import Dataset, load_dataset
from fmnist_runtime.errors import DatasetError
from fmnist_runtime.evaluate import evaluate, score_dataset
from fmnist_runtime.files import sha256_file, write_atomically
from fmnist_runtime.reference import Reference, write_reference

_STEPS_PER_CALL = 64
"""Steps that run without returning to Python: twice as fast as one, and the same arithmetic."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to."""

    epoch: int
    """Number of the epoch, from 1."""
    loss: float
    """Mean cross-entropy on the training images, dropout on."""
    accuracy: float
    """Accuracy on the training images, dropout on."""
    val_loss: float
    """Mean cross-entropy on the validation images."""
    val_accuracy: float
    """Accuracy on the validation images."""
    seconds: float
    """Duration."""


@dataclass(frozen=True)
class Training:
    """A finished training."""

    run: Run
    """Where its files are."""
    test_accuracy: float
    """Accuracy on the test split."""
    parameters: int
    """Number of trained weights."""


def build_model(settings: TrainSettings, image_shape: tuple[int, ...], classes: int) -> keras.Sequential:
    """The lectures' network: flatten, one hidden layer, dropout, softmax; fed with raw pixels.

    Args:
        settings: Hidden units and dropout rate.
        image_shape: ``(H, W)`` or ``(H, W, C)``.
        classes: Number of classes.

    Returns:
        A compiled model from raw pixels 0–255 to probabilities.
    """
    layers = [
        keras.Input(image_shape, name="image"),
        keras.layers.Rescaling(1 / 255, name="normalisation"),
        keras.layers.Flatten(name="flatten"),
    ]
    for number, units in enumerate(settings.hidden, start=1):
        layers.append(keras.layers.Dense(units, activation="relu", name=f"hidden_{number}"))
        layers.append(keras.layers.Dropout(settings.dropout, name=f"dropout_{number}"))
    layers.append(keras.layers.Dense(classes, activation="softmax", name="probabilities"))
    model = keras.Sequential(layers, name="classifier")
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=_STEPS_PER_CALL,
    )
    return model


def train(
    settings: TrainSettings, run: Run, data_dir: Path | None, on_epoch: Callable[[Epoch], None]
) -> Training:
    """Train a model and write ``model.keras``, ``history.csv``, ``reference.npz`` and ``train.json``.

    Args:
        settings: What to train and how.
        run: Where to; files of an earlier training there are replaced.
        data_dir: Where the data set lies, if not in one of the usual places.
        on_epoch: Called after each epoch.

    Raises:
        DatasetError: The data set is missing or damaged, or its splits do not fit together.
        OutputError: A file cannot be written.
    """
    training = load_dataset(settings.dataset, "train", data_dir)
    test = _test_split(training, data_dir)
    _require_enough(training, settings)
    keras.utils.set_random_seed(settings.seed)
    model = build_model(settings, training.images.shape[1:], len(training.labels))
    epochs = _fit(model, training, settings, on_epoch)
    write_atomically(run.model, _model_bytes(model))
    write_atomically(run.history, _history_csv(epochs).encode())
    reference = score_original(run.model, test)
    write_reference(run.reference, reference)
    accuracy = evaluate(reference.scores, test.targets).accuracy
    record = {
        "settings": settings.to_record(),
        "labels": training.labels,
        "train_digest": training.digest,
        "test_digest": test.digest,
        "model_sha256": reference.model_sha256,
        "parameters": model.count_params(),
        "test_accuracy": accuracy,
        "epochs": epochs,
        "finished": datetime.now(UTC).isoformat(),
    }
    write_atomically(run.train_json, to_json("train", record).encode())
    return Training(run, accuracy, model.count_params())


def _test_split(training: Dataset, data_dir: Path | None) -> Dataset:
    """The test split, with the training split's classes.

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


def _require_enough(training: Dataset, settings: TrainSettings) -> None:
    """Check that there is something to learn and something to validate on.

    Raises:
        DatasetError: There is not.
    """
    if len(training.labels) < 2:
        raise DatasetError(f"{training.name}: has one class; telling classes apart takes two")
    kept = int(len(training.images) * (1 - settings.validation_split))  # as Keras splits
    if not 0 < kept < len(training.images):
        raise DatasetError(
            f"{training.name}: {len(training.images)} training images cannot be split into training and "
            f"validation by {settings.validation_split:g}"
        )


def score_original(path: Path, test: Dataset) -> Reference:
    """The reference that artifacts of a ``.keras`` file are compared with: its scores for a test split."""
    with KerasSession(path, test.labels) as session:
        scores, _ = score_dataset(session, test)
    return Reference(
        model=path.name,
        model_sha256=sha256_file(path),
        dataset=test.name,
        dataset_digest=test.digest,
        labels=test.labels,
        scores=scores,
        targets=test.targets,
    )


def _fit(
    model: keras.Sequential, training: Dataset, settings: TrainSettings, on_epoch: Callable[[Epoch], None]
) -> list[Epoch]:
    """Train epoch by epoch. As Keras splits them, the last of the images are kept for validation."""
    epochs: list[Epoch] = []
    start = time.perf_counter()

    def finish(number: int, logs: dict[str, float]) -> None:
        nonlocal start
        now = time.perf_counter()
        epochs.append(Epoch(epoch=number + 1, seconds=now - start, **logs))
        start = now
        on_epoch(epochs[-1])

    model.fit(
        training.images,
        training.targets,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_split=settings.validation_split,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=finish)],
    )
    return epochs


def _model_bytes(model: keras.Sequential) -> bytes:
    """The ``.keras`` file's content: Keras writes only to a path, and not atomically."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _history_csv(epochs: list[Epoch]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(Epoch.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in epochs)
    return buffer.getvalue()

"""Import a model that was made elsewhere, into a run of its own or as a single sealed file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fmnist.models.open import Execution, is_keras, is_model_file, open_model, open_on
from fmnist.models.select import Splits
from fmnist.results.write import to_json
from fmnist.runs.run import RUNS, ImportBody, ImportSettings, Run, is_run
from fmnist.text.tables import percent
from fmnist.training.checkpoints import remove_checkpoints
from fmnist_exporters.adopt import adopt, require_better_than_chance
from fmnist_exporters.manifest import MANIFEST_FILE, write_manifest
from fmnist_runtime import Session
from fmnist_runtime.artifact.container import MANIFEST
from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.artifact.stored import read_stored_types
from fmnist_runtime.data.datasets import Dataset, dataset_reference, preparation_of
from fmnist_runtime.data.labels import is_numbered
from fmnist_runtime.engines import KERAS_SUFFIXES
from fmnist_runtime.errors import DatasetError, ModelError, OutputError, needs_extra
from fmnist_runtime.evaluate import evaluate, require_classes
from fmnist_runtime.files import require_writable, write_atomically
from fmnist_runtime.recorded import Reference, write_reference

_FOLDER = Path("imported")
"""Default folder of a single file."""


@dataclass(frozen=True)
class Imported:
    """An imported model."""

    path: Path
    """The copy."""
    contract: InputContract
    """What it takes as input, and where that is known from."""
    labels: tuple[str, ...]
    """Class names."""
    preparation: str
    """How a picture becomes its input; empty if nobody says."""
    run: Run | None
    """Its run; None for a single file."""
    reference: Reference | None
    """Its scores of the test images; None without a data set."""


def import_model(path: Path, how: Execution, splits: Splits, out: Path | None, force: bool) -> Imported:
    """Import a model.

    Args:
        path: A ``.keras``, ``.h5``, ``.tflite`` or ``.onnx`` file made elsewhere.
        how: What the user says about it.
        splits: The data set to score it on; a single file needs none.
        out: The run's folder, or a file of the model's suffix; ``runs/NAME``, or ``imported/FILE``, if None.
        force: Replace files that fmnist did not make.

    Raises:
        UnknownInputError: Its input range is unknown.
        FmnistError: It cannot be opened or imported, or the data set is missing or does not match.
        OutputError: Another file is in the way.
    """
    if not is_model_file(path):
        raise ModelError(f"{path}: a model to import ends in .keras, .h5, .hdf5, .tflite or .onnx")
    if is_keras(path) and not splits.is_named:
        raise DatasetError(
            f"{path}: a Keras model is imported with its answers to test images; name them with --dataset"
        )
    if _is_file(path, out) or not splits.is_named:
        return _sealed(path, how, splits, out or _FOLDER / _name(path), force)
    run = Run(out or RUNS / path.stem)
    _require_free(run, force)
    return _original(path, how, splits, run) if is_keras(path) else _artifact(path, how, splits, run, force)


def _name(path: Path) -> str:
    return path.with_suffix(path.suffix.lower()).name


def _is_file(path: Path, out: Path | None) -> bool:
    """Return whether the copy is a single file.

    Raises:
        OutputError: The file has the suffix of another format; an import does not convert.
    """
    if out is None or out.suffix.lower() not in (".tflite", ".onnx", *KERAS_SUFFIXES):
        return False
    if is_keras(path):
        raise OutputError(f"{out}: a Keras model is imported into a folder, which is not called like a file")
    if out.suffix.lower() != path.suffix.lower():
        raise OutputError(f"{out}: is a copy of {path}, so its name must end in {path.suffix.lower()}, too")
    return True


def _sealed(path: Path, how: Execution, splits: Splits, place: Path, force: bool) -> Imported:
    """Write a sealed copy of a file, outside of a run."""
    session, dataset = _open(path, how, splits)
    with session:
        return _adopted(session, dataset, place, _preparation(splits, dataset), force)


def _artifact(path: Path, how: Execution, splits: Splits, run: Run, force: bool) -> Imported:
    """Make a run of a sealed copy of a file."""
    session, dataset = _open(path, how, splits)
    with session:
        made = _adopted(session, dataset, run.exports / _name(path), _preparation(splits, dataset), force)
    _clear(run)
    for other in run.exports.iterdir():
        if other != made.path and other.suffix in (".tflite", ".onnx"):
            other.unlink()
    write_manifest(run.exports)
    types = read_stored_types(made.path)
    imported = replace(made, run=run)
    _record(imported, path.name, sum(entry.weights for entry in types.weights) if types else 0)
    return imported


def _adopted(
    session: Session, dataset: Dataset | None, place: Path, preparation: str, force: bool
) -> Imported:
    made = adopt(session, dataset, place, preparation, force)
    return Imported(made.path, session.info.contract, made.metadata.labels, preparation, None, made.reference)


def _original(path: Path, how: Execution, splits: Splits, run: Run) -> Imported:
    """Make a run of a copy of a Keras model, from which artifacts can be exported."""
    session, dataset = _open(path, how, splits)
    assert dataset is not None  # it was named
    with session:
        contract, labels = session.info.contract, session.info.labels
        parameters = int(session.model.count_params())
    with needs_extra("train", "running a Keras model"):
        from fmnist.training.train import score_original
    reference = score_original(path, dataset, contract.require_range(path))
    require_better_than_chance(path, reference.scores, dataset, contract)
    copy = run.folder / f"model{path.suffix.lower()}"
    reference = replace(reference, model=copy.name, labels=labels)
    content = path.read_bytes()
    run.folder.mkdir(parents=True, exist_ok=True)
    _clear(run)
    write_atomically(copy, content)
    imported = Imported(copy, contract, labels, _preparation(splits, dataset), run, reference)
    _record(imported, path.name, parameters)
    return imported


def _clear(run: Run) -> None:
    """Remove what describes an earlier model of the run, its records first, and that model."""
    for path in (run.train_json, run.import_json, run.history, run.initial_weights, *run.originals()):
        path.unlink(missing_ok=True)
    remove_checkpoints(run)


def _preparation(splits: Splits, dataset: Dataset | None) -> str:
    """Return how pictures become the model's input, by the user or else by the data set."""
    return splits.preparation or (preparation_of(dataset.name) if dataset else "")


def _open(path: Path, how: Execution, splits: Splits) -> tuple[Any, Dataset | None]:
    """Open the model, with the data set's labels if it has none; return it with the images."""
    if not splits.is_named:
        session = open_model(path, how)
        session.info.contract.require_range(path)
        return session, None
    session, dataset = open_on(path, how, splits.of)
    require_classes(session, dataset)  # also where the user names the range, so that nothing is searched
    contract, labels = session.info.contract, session.info.labels
    if is_numbered(labels) and not is_numbered(dataset.labels) and len(labels) == len(dataset.labels):
        session.close()
        known = replace(
            how, input_range=contract.range, known_from=contract.known_from, labels=dataset.labels
        )
        session = open_model(path, known)
    return session, dataset


def _require_free(run: Run, force: bool) -> None:
    """Check that an imported model may use a folder: it is new, or has an imported model."""
    require_writable(run.import_json)
    if not run.folder.exists() or force or run.is_imported():
        require_writable(run.exports / MANIFEST, MANIFEST_FILE, force)
        return
    what = "is a run of fmnist train" if is_run(run.folder) else "holds files, but no run"
    raise OutputError(f"{run.folder}: {what}; --out goes elsewhere, --force uses it")


def _record(imported: Imported, file: str, parameters: int) -> None:
    """Write the files that make an imported model a run: its scores, and last the record."""
    run, reference = imported.run, imported.reference
    assert run is not None
    assert reference is not None
    write_reference(run.reference, reference)
    record = ImportBody(
        settings=ImportSettings(dataset_reference(reference.dataset), imported.preparation),
        file=file,
        parameters=parameters,
        model_sha256=reference.model_sha256,
        input_range=imported.contract.require_range(imported.path),
        range_known_from=imported.contract.known_from,
        labels=imported.labels,
        test_digest=reference.dataset_digest,
        test_accuracy=evaluate(reference.scores, reference.targets).accuracy,
        finished=datetime.now(UTC).isoformat(),
    )
    write_atomically(run.import_json, to_json("import", record).encode())


def import_text(imported: Imported) -> str:
    """Return what is known of an imported model, and the next command."""
    names = ", ".join(imported.labels[:3]) + (", …" if len(imported.labels) > 3 else "")
    contract, reference = imported.contract, imported.reference
    lines = [
        f"{imported.path}: takes pixels of {contract.range}, known from {contract.known_from}; "
        f"{len(imported.labels)} classes: {names}",
        f"pictures are prepared as {imported.preparation}"
        if imported.preparation
        else "nobody says how pictures are prepared; name it with --preparation",
    ]
    if reference is None:
        lines.append("golden images are noise, as no data set was given; --dataset uses real ones")
    else:
        share = percent(evaluate(reference.scores, reference.targets).accuracy)
        images = f"{len(reference.targets):,} test images of {reference.dataset}"
        lines.append(f"{share} of {images} are right")
    if imported.run:
        folder = shlex.quote(str(imported.run.folder))
        verb = f"bundle {folder}"
        if imported.run.has_original():
            verb = f"export {folder} --format all --quantize all"
        lines.append(f"{imported.run.folder}: a run; next: fmnist {verb}")
    return "\n".join(lines)

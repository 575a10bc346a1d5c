"""Adopt a foreign model, into a run of its own or as a single file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fmnist.models.open import Execution, is_keras, open_model, open_on
from fmnist.models.select import Splits
from fmnist.results.write import to_json
from fmnist.runs.run import RUNS, AdoptedSettings, AdoptionBody, Run, is_run
from fmnist.text.tables import percent
from fmnist_exporters.adopt import Adopted, adopt
from fmnist_exporters.manifest import MANIFEST_FILE, write_manifest
from fmnist_runtime.artifact.container import MANIFEST
from fmnist_runtime.data.datasets import Dataset, dataset_reference
from fmnist_runtime.data.labels import is_numbered
from fmnist_runtime.errors import ModelError, OutputError
from fmnist_runtime.files import require_writable, write_atomically
from fmnist_runtime.recorded import Reference, write_reference

_FOLDER = Path("adopted")
"""Default folder of a single file."""


@dataclass(frozen=True)
class Adoption:
    """The result of adopting a model."""

    adopted: Adopted
    """The copy."""
    run: Run | None
    """Its run; None for a single file."""
    accuracy: float | None
    """Accuracy on the test images, from 0 to 1; None without a data set."""


def adopt_model(path: Path, how: Execution, splits: Splits | None, out: Path | None, force: bool) -> Adoption:
    """Adopt a model.

    Args:
        path: A foreign ``.tflite`` or ``.onnx`` file.
        how: What the user says about it.
        splits: The data set to score it on; None for a single file without scores.
        out: The run's folder, or a file of the model's suffix; ``runs/NAME``, or ``adopted/FILE``, if None.
        force: Replace files that fmnist did not make.

    Raises:
        UnknownInputError: Its input range is unknown.
        FmnistError: It cannot be opened or adopted, or the data set is missing or does not match.
        OutputError: Another file is in the way.
    """
    if is_keras(path):
        raise ModelError(f"{path}: is a Keras model; make artifacts of it with: fmnist export {path}")
    name = path.with_suffix(path.suffix.lower()).name
    single = _is_file(path, out) or splits is None
    run = None if single else Run(out or RUNS / path.stem)
    if run:
        _require_free(run, force)
    place = run.exports / name if run else out or _FOLDER / name
    session, dataset = _open(path, how, splits)
    with session:
        made = adopt(session, dataset, place, force)
    accuracy = float(made.metadata.proof["accuracy"]) if dataset else None
    if run and dataset and made.scores is not None and accuracy is not None:
        _record(run, path, made, dataset, accuracy)
    return Adoption(made, run, accuracy)


def _is_file(path: Path, out: Path | None) -> bool:
    """Return whether the copy is a single file.

    Raises:
        OutputError: The file has the suffix of another format; adopting does not convert.
    """
    if out is None or out.suffix.lower() not in (".tflite", ".onnx"):
        return False
    if out.suffix.lower() != path.suffix.lower():
        raise OutputError(f"{out}: is a copy of {path}, so its name must end in {path.suffix.lower()}, too")
    return True


def _open(path: Path, how: Execution, splits: Splits | None) -> tuple[Any, Dataset | None]:
    """Open the model, with the data set's labels if it has none; return it with the images."""
    if splits is None:
        session = open_model(path, how)
        session.info.contract.require_range(path)
        return session, None
    session, dataset = open_on(path, how, splits.of)
    contract, labels = session.info.contract, session.info.labels
    if is_numbered(labels) and not is_numbered(dataset.labels) and len(labels) == len(dataset.labels):
        session.close()
        known = replace(
            how, input_range=contract.range, known_from=contract.known_from, labels=dataset.labels
        )
        session = open_model(path, known)
    return session, dataset


def _require_free(run: Run, force: bool) -> None:
    """Check that an adopted model may use a folder: it is new, or has an adopted model."""
    require_writable(run.adopt_json)
    if not run.folder.exists() or force or run.is_adopted():
        require_writable(run.exports / MANIFEST, MANIFEST_FILE, force)
        return
    what = "is a run of fmnist train" if is_run(run.folder) else "holds files, but no run"
    raise OutputError(f"{run.folder}: {what}; --out goes elsewhere, --force uses it")


def _record(run: Run, path: Path, made: Adopted, dataset: Dataset, accuracy: float) -> None:
    """Write the files that make an adopted model a run: its scores, a manifest, and last the record."""
    metadata = made.metadata
    assert made.scores is not None
    for other in run.exports.iterdir():
        if other != made.path and other.suffix in (".tflite", ".onnx"):
            other.unlink()  # of the model that was adopted before
    reference = Reference(
        model=path.name,
        model_sha256=metadata.source_sha256,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        labels=metadata.labels,
        source_range=metadata.source_range,
        rounding=0.0,
        scores=made.scores,
        targets=dataset.targets,
    )
    write_reference(run.reference, reference)
    write_manifest(run.exports)
    record = AdoptionBody(
        settings=AdoptedSettings(dataset_reference(dataset.name)),
        file=path.name,
        model_sha256=metadata.source_sha256,
        input_range=metadata.source_range,
        range_known_from=str(metadata.adopted["known_from"]),
        labels=metadata.labels,
        test_digest=dataset.digest,
        test_accuracy=accuracy,
        finished=datetime.now(UTC).isoformat(),
    )
    write_atomically(run.adopt_json, to_json("adopt", record).encode())


def adoption_text(adoption: Adoption) -> str:
    """Return what is known of an adopted model, and the next command."""
    metadata = adoption.adopted.metadata
    names = ", ".join(metadata.labels[:3]) + (", …" if len(metadata.labels) > 3 else "")
    lines = [
        f"{adoption.adopted.path}: takes pixels of {metadata.source_range}, known from "
        f"{metadata.adopted['known_from']}; {len(metadata.labels)} classes: {names}"
    ]
    if adoption.accuracy is None:
        lines.append("golden images are noise, as no data set was given; --dataset uses real ones")
    else:
        images, dataset = metadata.proof["images"], metadata.dataset
        lines.append(f"{percent(adoption.accuracy)} of {images:,} test images of {dataset} are right")
    if adoption.run:
        folder = adoption.run.folder
        lines.append(f"{folder}: a run; next: fmnist bundle {shlex.quote(str(folder))}")
    return "\n".join(lines)

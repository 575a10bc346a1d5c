"""Reading all results of a run's folder. A missing result becomes a gap; a damaged one is an error."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fmnist.devices.finding import Finding
from fmnist.results.model_file import StoredModel
from fmnist.results.read import DamageError, Part, read_json, read_record, read_result
from fmnist.results.timed import TimedModel
from fmnist.runs.history import Epoch
from fmnist.runs.results import DeviceResults, ModelResults, Rejected, RunResults
from fmnist.runs.run import DEVICE_RESULTS, Run
from fmnist_runtime.artifact.container import MANIFEST
from fmnist_runtime.errors import ResultError
from fmnist_runtime.evaluate import Evaluation, evaluate
from fmnist_runtime.files import sha256_file
from fmnist_runtime.machine.environment import Environment
from fmnist_runtime.parity import Parity
from fmnist_runtime.parity.calibration import BINS, Reliability
from fmnist_runtime.recorded import Reference

_T = TypeVar("_T")
_ABOUT = {
    "eval": "the artifacts' accuracy",
    "parity": "their comparison with the original",
    "bench": "their latency",
}
"""What each result is about, by the verb that makes it."""
_SCENARIO = "latency"
"""The scenario of all tables: one image at a time, back to back."""
_REMEDY = "remove it and make it again"


def export_command(folder: Path) -> str:
    """Return the command that exports a run."""
    return shlex.join(["fmnist", "export", str(folder), "--format", "all", "--quantize", "all"])


def result_command(folder: Path, kind: str) -> str:
    """Return the command that makes a run's ``eval``, ``parity`` or ``bench`` where a report finds it."""
    return shlex.join(["fmnist", kind, str(folder), "--json", str(folder / f"{kind}.json")])


def pictures_command(folder: Path) -> str:
    """Return the command that makes the report with pictures; FOLDER stands for that of the images."""
    return shlex.join(["fmnist", "report", str(folder), "--data-dir", "FOLDER"])


@dataclass(frozen=True)
class ResultFile:
    """A result in a folder."""

    path: Path
    """Its file."""
    content: Part
    """Its content."""

    def read(self, read: Callable[[Part], _T]) -> _T:
        """Return the result of a function on the content.

        Raises:
            ResultError: The content is damaged.
        """
        try:
            return read(self.content)
        except DamageError as error:
            raise ResultError(f"{self.path}: is damaged ({error}); {_REMEDY}") from error

    def by_model(self, key: str, read: Callable[[Part], _T]) -> dict[str, _T]:
        """Return the result of a function on each model, by the SHA-256 of its file.

        The key is the field of the content that lists the models. Of several entries for one file, the first
        is read.

        Raises:
            ResultError: The content is damaged.
        """

        def entries(content: Part) -> dict[str, _T]:
            found: dict[str, _T] = {}
            for entry in content[key].items(0):
                digest = entry["sha256"].text()
                if digest not in found:
                    found[digest] = read(entry)
            return found

        return self.read(entries)


def open_result(folder: Path, kind: str) -> ResultFile | None:
    """Open a result of a kind; None where there is none.

    Raises:
        ResultError: It is damaged, or of another version.
    """
    path = folder / f"{kind}.json"
    return ResultFile(path, read_result(path, kind, _REMEDY)) if path.exists() else None


def read_run(run: Run) -> RunResults:
    """Read all results of a run.

    Raises:
        ResultError: It is not a run, or a file in it is damaged, missing or of another version.
    """
    training = ResultFile(run.record(), Part(run.training()))
    reference = run.recorded_scores()
    files = {kind: open_result(run.folder, kind) for kind in _ABOUT}
    artifacts = _with_results(_artifacts(run), files, reference)
    [original] = _with_results([_original(run, reference)], {"bench": files["bench"]}, reference)
    bench = files["bench"]
    present = {artifact.sha256 for artifact in artifacts}
    devices = (_device(folder, reference, present) for folder in sorted(run.folder.glob("devices/*/")))
    return RunResults(
        folder=run.folder,
        dataset=reference.dataset,
        dataset_digest=reference.dataset_digest,
        labels=reference.labels,
        settings=training.content["settings"].value,
        parameters=training.read(lambda content: content["parameters"].whole(0)),
        finished=training.read(lambda content: content["finished"].text()),
        epochs=() if run.is_imported() else training.read(_records(Epoch, "epochs")),
        original=original,
        artifacts=artifacts,
        rejected=_rejected(run),
        environment=(bench or training).read(_environment),
        measured=bench.read(lambda content: content["measured"].text()) if bench else "",
        devices=tuple(device for device in devices if device),
        gaps=_gaps(run, artifacts, files),
    )


def _original(run: Run, reference: Reference) -> ModelResults:
    file = run.model if run.has_original() else run.exports / reference.model
    return ModelResults(
        name=reference.model,
        format="keras" if run.has_original() else file.suffix.removeprefix("."),
        scheme="original",
        size_bytes=file.stat().st_size if file.is_file() else 0,
        sha256=reference.model_sha256,
        evaluation=evaluate(reference.scores, reference.targets),
    )


def _artifacts(run: Run) -> list[ModelResults]:
    """Return the artifacts of the run's present model, without results."""
    paths = run.artifacts()
    if not paths:
        return []
    manifest = ResultFile(run.exports / MANIFEST, Part(read_json(run.exports / MANIFEST)))
    entries = manifest.read(
        lambda content: {
            entry["file"].text(): (entry["format"].text(), entry["scheme"].text())
            for entry in content["artifacts"].items()
        }
    )
    return [
        ModelResults(path.name, *entries[path.name], path.stat().st_size, sha256_file(path)) for path in paths
    ]


def _rejected(run: Run) -> tuple[Rejected, ...]:
    path = run.exports / MANIFEST
    if not path.is_file():
        return ()
    return ResultFile(path, Part(read_json(path))).read(
        lambda content: tuple(
            Rejected(Path(entry["file"].text()).name, entry["rejected"].text())
            for entry in content["rejected"].items(0)
        )
    )


def _with_results(
    models: Sequence[ModelResults], files: dict[str, ResultFile | None], reference: Reference
) -> tuple[ModelResults, ...]:
    """Return the models with the results of files that have the same digests."""
    classes, images = len(reference.labels), len(reference.targets)
    evaluation, parity, bench = (files.get(kind) for kind in _ABOUT)
    evaluations = evaluation.by_model("models", _evaluation_of(classes)) if evaluation else {}
    parities = parity.by_model("candidates", _parity_of(classes, images)) if parity else {}
    timings = bench.by_model("models", _timing) if bench and _is_latency(bench) else {}
    return tuple(
        replace(
            model,
            evaluation=evaluations.get(model.sha256, model.evaluation),
            parity=parities.get(model.sha256),
            timing=timings.get(model.sha256),
        )
        for model in models
    )


def _is_latency(bench: ResultFile) -> bool:
    return bench.read(lambda content: content["method"]["scenario"].text()) == _SCENARIO


def _gaps(
    run: Run, artifacts: Sequence[ModelResults], files: dict[str, ResultFile | None]
) -> tuple[str, ...]:
    """Return what is missing or out of date, each with the command to run."""
    if not artifacts:
        return (f"Nothing is exported of the present model: {export_command(run.folder)}",)
    known: dict[str, list[object]] = {
        "eval": [model.evaluation for model in artifacts],
        "parity": [model.parity for model in artifacts],
        "bench": [model.timing for model in artifacts],
    }
    gaps = []
    for kind, about in _ABOUT.items():
        path, file = run.result(kind), files[kind]
        unknown = [model.name for model, found in zip(artifacts, known[kind], strict=True) if not found]
        remedy = result_command(run.folder, kind)
        if file is None:
            gaps.append(f"{path.name} is missing, and with it {about}: {remedy}")
        elif kind == "bench" and not _is_latency(file):
            gaps.append(f"{path.name} is of another scenario than {_SCENARIO}: {remedy}")
        elif unknown:
            gaps.append(f"{path.name} has no results of the present {', '.join(unknown)}: {remedy}")
    return tuple(gaps)


def _records(kind: type[_T], key: str) -> Callable[[Part], tuple[_T, ...]]:
    """Return a function that reads the records that a result lists under a key."""
    return lambda content: tuple(read_record(kind, entry) for entry in content[key].items())


def _environment(record: Part) -> Environment:
    return read_record(Environment, record["environment"])


def _device(folder: Path, reference: Reference, present: set[str]) -> DeviceResults | None:
    """Return the results of a device; None where none came back from it."""
    files = {kind: open_result(folder, kind) for kind in DEVICE_RESULTS}
    there = [file for file in files.values() if file]
    if not there:
        return None
    doctor, evaluation, bench = (files[kind] for kind in ("doctor", "eval", "bench"))
    listed = list(evaluation.by_model("models", _stored).values()) if evaluation else []
    models = _with_results([model for model in listed if model.format != "keras"], files, reference)
    gaps = [f"{kind}.json did not come back from it" for kind, file in files.items() if file is None]
    if {model.sha256 for model in models} - present:
        gaps.append("measured other files than the run has now; deploy it again")
    return DeviceResults(
        host=folder.name,
        environment=there[0].read(_environment),
        board=doctor.read(lambda content: content["probe"]["board"].text()) if doctor else "",
        findings=doctor.read(_records(Finding, "findings")) if doctor else (),
        measured=bench.read(lambda content: content["measured"].text()) if bench else "",
        models=models,
        gaps=tuple(gaps),
    )


def _stored(model: Part) -> ModelResults:
    return ModelResults(**vars(read_record(StoredModel, model)))


def _evaluation_of(classes: int) -> Callable[[Part], Evaluation]:
    """Return a function that reads the evaluation of a model with so many classes."""

    def read(model: Part) -> Evaluation:
        found = read_record(Evaluation, model)
        if found.confusion.shape != (classes, classes) or len(found.class_accuracy) != classes:
            raise DamageError(f"{model.place} is not of {classes} classes")
        if not 0 <= found.correct <= found.images or found.images == 0:
            raise DamageError(f"{model.place} has more right answers than images, or no images")
        if found.accuracy != found.correct / found.images or found.confusion.min() < 0:
            raise DamageError(f"{model.place} has an accuracy or a confusion that cannot be counted")
        return found

    return read


def _parity_of(classes: int, images: int) -> Callable[[Part], Parity]:
    """Return a function that reads the comparison of a model with so many classes on so many images."""

    def read(model: Part) -> Parity:
        found = read_record(Parity, model)
        flips, changes = found.changes.flips, found.changes
        answers = (*flips.true, *flips.reference, *flips.candidate, *(item.index for item in changes.classes))
        answers += tuple(index for pair in changes.pairs for index in (pair.reference, pair.candidate))
        lengths = {len(values) for values in vars(flips).values()}
        if len(lengths) != 1 or not all(0 <= index < classes for index in answers):
            raise DamageError(f"{model.place}.changes is not of {classes} classes")
        if not all(map(_is_whole, (found.calibration.reference_bins, found.calibration.candidate_bins))):
            raise DamageError(f"{model.place}.calibration is not of {BINS} bins")
        if not all(0 <= number < images for number in (*flips.images, *changes.confident)):
            raise DamageError(f"{model.place}.changes names images beyond the last")
        return found

    return read


def _is_whole(bins: Reliability) -> bool:
    """Return whether all bins are there, and have values exactly where they have images."""
    columns = [bins.images, bins.confidence, bins.accuracy]
    if {len(column) for column in columns} != {BINS} or not any(bins.images):
        return False
    return all(
        images >= 0 and {said is not None, was is not None} == {images > 0}
        for images, said, was in zip(*columns, strict=True)
    )


def _timing(model: Part) -> TimedModel:
    found = read_record(TimedModel, model)
    if not found.counts.sum():
        raise DamageError(f"{model.place} has no times of calls")
    return found

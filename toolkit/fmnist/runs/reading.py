"""Reading a run's folder. What is missing is said in the report; what is damaged ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fmnist.deploy.measuring import KINDS
from fmnist.devices.finding import Finding
from fmnist.results.json_records import read_record
from fmnist.results.read import Part
from fmnist.runs.history import Epoch
from fmnist.runs.records import Record, open_record, read_evaluation, read_parity, read_timing
from fmnist.runs.remedies import export_command, result_command
from fmnist.runs.results import DeviceResults, ModelResults, Rejected, RunResults
from fmnist.runs.run import Run, read_json
from fmnist_runtime.artifact.container import MANIFEST
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.files import sha256_file
from fmnist_runtime.machine.environment import Environment
from fmnist_runtime.recorded import Reference

_TOLD = {
    "eval": "how often the artifacts are right",
    "parity": "whether they answer like the original",
    "bench": "how long they take",
}
"""What each result tells, by the verb that makes it."""
_SCENARIO = "latency"
"""One image at a time, back to back: the times that all tables are about."""


def read_run(run: Run) -> RunResults:
    """All that is known of a run.

    Raises:
        ResultError: It is no run, or a file in it is damaged, gone or of another version.
    """
    run.require_trained()
    training = Record(run.train_json, Part(run.training()))
    reference = run.recorded_scores()
    records = {kind: open_record(run.folder, kind) for kind in _TOLD}
    listed = _listed(run)
    artifacts = _with_results(listed, records, reference)
    [original] = _with_results([_original(run, reference)], {"bench": records["bench"]}, reference)
    bench = records["bench"]
    return RunResults(
        folder=run.folder,
        dataset=reference.dataset,
        dataset_digest=reference.dataset_digest,
        labels=reference.labels,
        settings=training.content["settings"].value,
        parameters=training.read(lambda content: content["parameters"].whole(1)),
        finished=training.read(lambda content: content["finished"].text()),
        epochs=training.read(_epochs),
        original=original,
        artifacts=artifacts,
        rejected=_rejected(run),
        environment=(bench or training).read(_environment),
        measured=bench.read(lambda content: content["measured"].text()) if bench else "",
        devices=_devices(run, reference, {artifact.sha256 for artifact in artifacts}),
        gaps=_gaps(run, artifacts, records),
    )


def _original(run: Run, reference: Reference) -> ModelResults:
    return ModelResults(
        name=reference.model,
        format="keras",
        scheme="original",
        size_bytes=run.model.stat().st_size if run.model.is_file() else 0,
        sha256=reference.model_sha256,
        evaluation=evaluate(reference.scores, reference.targets),
    )


def _listed(run: Run) -> list[ModelResults]:
    """The artifacts of the run's present model, of which nothing more is known yet."""
    paths = run.artifacts()
    if not paths:
        return []
    manifest = Record(run.exports / MANIFEST, Part(read_json(run.exports / MANIFEST)))
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
    return Record(path, Part(read_json(path))).read(
        lambda content: tuple(
            Rejected(Path(entry["file"].text()).name, entry["rejected"].text())
            for entry in content["rejected"].items(0)
        )
    )


def _with_results(
    models: Sequence[ModelResults], records: dict[str, Record | None], reference: Reference
) -> tuple[ModelResults, ...]:
    """The models with what the results say of the very same files."""
    classes, images = len(reference.labels), len(reference.targets)
    evaluation, parity, bench = (records.get(kind) for kind in _TOLD)
    evaluations = evaluation.by_model("models", read_evaluation(classes)) if evaluation else {}
    parities = parity.by_model("candidates", read_parity(classes, images)) if parity else {}
    timings = bench.by_model("models", read_timing) if bench and _is_latency(bench) else {}
    return tuple(
        replace(
            model,
            evaluation=evaluations.get(model.sha256, model.evaluation),
            parity=parities.get(model.sha256),
            timing=timings.get(model.sha256),
        )
        for model in models
    )


def _is_latency(bench: Record) -> bool:
    return bench.read(lambda content: content["method"]["scenario"].text()) == _SCENARIO


def _gaps(run: Run, artifacts: Sequence[ModelResults], records: dict[str, Record | None]) -> tuple[str, ...]:
    """What is missing or out of date, each with the command that mends it."""
    if not artifacts:
        return (f"Nothing is exported of the present model: {export_command(run.folder)}",)
    known: dict[str, list[object]] = {
        "eval": [model.evaluation for model in artifacts],
        "parity": [model.parity for model in artifacts],
        "bench": [model.timing for model in artifacts],
    }
    gaps = []
    for kind, told in _TOLD.items():
        path, record = run.result(kind), records[kind]
        unknown = [model.name for model, found in zip(artifacts, known[kind], strict=True) if not found]
        remedy = result_command(run.folder, kind)
        if record is None:
            gaps.append(f"{path.name} is missing, and with it {told}: {remedy}")
        elif kind == "bench" and not _is_latency(record):
            gaps.append(f"{path.name} is of another scenario than {_SCENARIO}: {remedy}")
        elif unknown:
            gaps.append(f"{path.name} does not tell of the present {', '.join(unknown)}: {remedy}")
    return tuple(gaps)


def _epochs(training: Part) -> tuple[Epoch, ...]:
    return tuple(read_record(Epoch, entry) for entry in training["epochs"].items())


def _environment(record: Part) -> Environment:
    return read_record(Environment, record["environment"])


def _devices(run: Run, reference: Reference, present: set[str]) -> tuple[DeviceResults, ...]:
    found = (_device(folder, reference, present) for folder in sorted(run.folder.glob("devices/*/")))
    return tuple(device for device in found if device)


def _device(folder: Path, reference: Reference, present: set[str]) -> DeviceResults | None:
    """What is known of a device; None where nothing came back from it."""
    records = {kind: open_record(folder, kind) for kind in KINDS}
    there = [record for record in records.values() if record]
    if not there:
        return None
    doctor, evaluation, bench = (records[kind] for kind in ("doctor", "eval", "bench"))
    listed = list(evaluation.by_model("models", _described).values()) if evaluation else []
    models = _with_results([model for model in listed if not model.is_original], records, reference)
    gaps = [f"{kind}.json did not come back from it" for kind, record in records.items() if record is None]
    if {model.sha256 for model in models} - present:
        gaps.append("measured other files than the run has now; deploy it again")
    return DeviceResults(
        host=folder.name,
        environment=there[0].read(_environment),
        board=doctor.read(lambda content: content["probe"]["board"].text()) if doctor else "",
        findings=doctor.read(_findings) if doctor else (),
        measured=bench.read(lambda content: content["measured"].text()) if bench else "",
        models=models,
        gaps=tuple(gaps),
    )


def _described(model: Part) -> ModelResults:
    return ModelResults(
        name=model["name"].text(),
        format=model["format"].text(),
        scheme=model["scheme"].text(),
        size_bytes=model["size_bytes"].whole(0),
        sha256=model["sha256"].text(),
    )


def _findings(doctor: Part) -> tuple[Finding, ...]:
    return tuple(_finding(entry) for entry in doctor["findings"].items())


def _finding(entry: Part) -> Finding:
    verdict = entry["verdict"].text()
    return Finding(
        entry["name"].text(),
        entry["found"].text(),
        "ok" if verdict == "ok" else "note" if verdict == "note" else "problem",
        entry["advice"].text(),
    )

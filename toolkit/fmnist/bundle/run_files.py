"""The files that a bundle takes from a run and from its data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.devices.targets import Target
from fmnist.models.select import Splits, select_artifacts
from fmnist.results.read import read_json
from fmnist.runs.run import Run
from fmnist_runtime.artifact.container import MANIFEST
from fmnist_runtime.data.datasets import KNOWN, find_files
from fmnist_runtime.errors import DeviceError, ResultError
from fmnist_runtime.files import require_file, sha256_file
from fmnist_runtime.native.compiler import compile_for_device, library_name, variants_of
from fmnist_runtime.native.source import library_source, read_c


@dataclass(frozen=True)
class ExportedFile:
    """An artifact of a run."""

    path: Path
    """The file."""
    entry: dict[str, Any]
    """Its entry in the manifest."""

    @property
    def format(self) -> str:
        """Its format, as recipes name it."""
        return str(self.entry["format"])

    @property
    def scheme(self) -> str:
        """Its quantisation scheme."""
        return str(self.entry["scheme"])


def artifacts_for(run: Run, target: Target, formats: Sequence[str]) -> list[ExportedFile]:
    """Return a run's artifacts that a target can run, in the given formats.

    Raises:
        ResultError: There is none, or one has changed since the export.
        DeviceError: The target cannot run any of those formats.
    """
    possible = [name for name in formats if target.has_engines or name in ("npz", "c")]
    if not possible:
        raise DeviceError(
            f"{target}: there are no engines for {', '.join(formats)}; use --format npz or --format c"
        )
    return exported_as(run, possible)


def exported_as(run: Run, possible: Sequence[str]) -> list[ExportedFile]:
    """Return a run's artifacts of some formats.

    Raises:
        ResultError: There is none, or one has changed since the export.
    """
    paths = select_artifacts([run.folder]).paths
    entries = {entry["file"]: entry for entry in read_json(run.exports / MANIFEST)["artifacts"]}
    for name in (path.name for path in paths):
        if not {"format", "scheme"} <= entries.get(name, {}).keys():
            raise ResultError(f"{run.exports / MANIFEST}: is damaged; run: fmnist export {run.folder}")
    exported = [ExportedFile(path, entries[path.name]) for path in paths]
    chosen = [artifact for artifact in exported if artifact.format in possible]
    if not chosen:
        wanted = possible[0] if len(possible) == 1 else "all"
        raise ResultError(
            f"{run.folder}: nothing is exported as {' or '.join(possible)}; run: "
            f"fmnist export {run.folder} --format {wanted} --quantize all"
        )
    for artifact in chosen:
        require_file(artifact.path, "an artifact", ResultError)
        if sha256_file(artifact.path) != artifact.entry.get("sha256"):
            raise ResultError(f"{artifact.path}: is not what was exported; run: fmnist export {run.folder}")
    return chosen


def run_files(run: Run, artifacts: Sequence[ExportedFile], home: str) -> dict[str, Path | bytes]:
    """Return the files that make artifacts a run, by their paths in the bundle.

    The manifest lists only these artifacts. ``home`` is the run's folder in the bundle.

    Raises:
        ResultError: The original's scores are missing, or of another model.
    """
    run.recorded_scores()
    manifest = read_json(run.exports / MANIFEST)
    manifest |= {"artifacts": [artifact.entry for artifact in artifacts], "rejected": []}
    return {
        f"{home}/{run.record().name}": run.record(),
        f"{home}/{run.reference.name}": run.reference,
        f"{home}/{run.exports.name}/{MANIFEST}": (json.dumps(manifest, indent=1) + "\n").encode(),
        **{f"{home}/{run.exports.name}/{artifact.path.name}": artifact.path for artifact in artifacts},
    }


def libraries(artifacts: Sequence[ExportedFile], target: Target) -> dict[str, Path | bytes]:
    """Return the libraries of C artifacts for a target's machines, by their paths in the bundle.

    Raises:
        MissingExtraError: ziglang is not installed.
        ModelError: An artifact cannot be compiled.
    """
    found: dict[str, Path | bytes] = {}
    for artifact in artifacts:
        if artifact.format != "c":
            continue
        network = read_c(artifact.path.read_bytes(), artifact.path)
        for machine in target.machines:
            for variant in variants_of(machine):
                source = library_source(network, fast=bool(variant.flags))
                name = library_name(source, variant, machine)
                found[f"native/{name}"] = compile_for_device(source, variant, machine, artifact.path)
    return found


def test_files(run: Run, data_dir: Path | None) -> dict[str, Path | bytes]:
    """Return the test images of a run's data set, by their paths under ``data/NAME``.

    Raises:
        DatasetError: They are missing or damaged, or not the ones that the run recorded.
    """
    name = Splits(None, data_dir).trained(run.model, None).name
    images, targets = find_files(name, "test", data_dir)
    labels = targets.parent / "labels.txt"
    files = [images, targets, labels] if name not in KNOWN and labels.is_file() else [images, targets]
    return {f"data/{Path(name).name}/{file.name}": file for file in files}

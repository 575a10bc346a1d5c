"""Which files an export writes, and of which original."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist.datasets.read import as_idx, wanted_like
from fmnist.models.open import Execution, is_keras, open_on
from fmnist.models.select import Splits
from fmnist.runs.run import require_there, run_of
from fmnist.scoring.references import REFERENCE, record_reference, reference_path
from fmnist.text.progress import say_notes
from fmnist.text.tables import percent, size, table
from fmnist_exporters.proof import contents_of
from fmnist_exporters.recipes import Recipe, formats
from fmnist_runtime.artifact.container import MANIFEST, format_suffix
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.artifact.wrong_file import explain_wrong_file
from fmnist_runtime.data.datasets import Dataset, dataset_reference, load_dataset, preparation_of
from fmnist_runtime.data.labels import is_numbered, read_distinct_labels
from fmnist_runtime.engines import ENGINES, KERAS_ENDINGS
from fmnist_runtime.errors import (
    DatasetError,
    FmnistError,
    ModelError,
    OutputError,
    RejectedError,
    needs_extra,
)
from fmnist_runtime.files import require_file, require_writable, sha256_file

if TYPE_CHECKING:
    from fmnist_exporters.export import Artifact, Exporter, Source


@dataclass(frozen=True)
class Origin:
    """An original, and what the user says about it."""

    model: Path
    """The ``.keras``, ``.h5`` or ``.hdf5`` file."""
    dataset: str | None = None
    """Data set that it was trained on; that of its run if None."""
    data_dir: Path | None = None
    """Folder of the data set, if not in one of the usual places."""
    labels: Path | None = None
    """File of class names, one per line; those of the data set if None."""
    input_range: str | None = None
    """Pixels that it takes (see `fmnist_runtime.artifact.contract`); determined with images if unknown."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `fmnist_runtime.parity.Gate` that replace those of each scheme's own."""
    allow_chance: bool = False
    """Whether to export even if the model is no better than always naming the largest class."""


@dataclass(frozen=True)
class Export:
    """The result of exporting a model by several recipes."""

    artifacts: tuple[Artifact, ...]
    """The artifacts that exist now."""
    failures: tuple[FmnistError, ...]
    """Why others could not be made."""
    right: tuple[int, int] | None
    """Number of held-out training images that the original gets right, and of all; None if unknown."""

    @property
    def doubts(self) -> dict[str, list[str]]:
        """What the held-out images could not show, with the names of the files."""
        found: dict[str, list[str]] = {}
        for artifact in self.artifacts:
            if doubt := artifact.metadata.proof.get("doubts"):
                found.setdefault(doubt, []).append(artifact.path.name)
        return found

    @property
    def original(self) -> str:
        """How often the original is right, as text; empty if unknown."""
        if self.right is None:
            return ""
        right, images = self.right
        tests = any(artifact.metadata.proof.get("split") == "test" for artifact in self.artifacts)
        what = "test images" if tests else "held-out training images"
        return f"the original gets {right:,} of {images:,} {what} right ({percent(right / images)} accuracy)"


def plan_targets(model: Path, recipes: list[Recipe], out: Path | None) -> dict[Recipe, Path]:
    """Return the file that each recipe writes.

    ``out`` is a file of the recipe's suffix, if there is one recipe; else a folder; ``export`` beside the
    original if None, or for the C of a TFLite model the model's own folder.

    Raises:
        OutputError: ``out`` names one file for several artifacts, or one of another format.
    """
    if out is not None and not os.path.isdir(out):  # noqa: PTH112 - Path raises where a name is too long
        require_writable(out)
    foreign = format_suffix(model) == ".tflite"  # it keeps its own scheme
    if out is None or out.suffix.lstrip(".") not in formats() or out.is_dir():
        if foreign:
            return {recipes[0]: (out or model.parent) / model.with_suffix(".c").name}
        folder = model.parent / "export" if out is None else out
        return {recipe: _default(recipe, model, folder) for recipe in recipes}
    if len(recipes) > 1:
        raise OutputError(f"{out}: is one file, but there are {len(recipes)} artifacts; give a folder")
    if out.suffix != f".{recipes[0].format}":
        raise OutputError(f"{out}: a {recipes[0].format} artifact ends in .{recipes[0].format}")
    return {recipes[0]: out}


def export_model(
    origin: Origin,
    targets: Mapping[Recipe, Path],
    force: bool = False,
    on_artifact: Callable[[Artifact], None] = lambda artifact: None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Export:
    """Export a Keras model, and list the artifacts in a manifest. Recipes fail independently.

    A folder outside a run also gets the original's scores, so that it can go to a device as it is. ``force``
    replaces also files that fmnist did not make, and remakes current artifacts. ``on_artifact`` is called
    with each artifact when its file is complete, ``on_step`` with the name of each step.

    Raises:
        ModelError: The model is not a Keras file.
        OutputError: A file is in the way; found before anything is converted.
    """
    model = origin.model
    if format_suffix(model) == ".tflite" and all(recipe.format == "c" for recipe in targets):
        return _export_c(origin, next(iter(targets.values())), force, on_artifact)
    if not is_keras(model):
        require_there(model)
        only = f"only a Keras model, {KERAS_ENDINGS}, can be exported, and a .tflite model with --format c"
        if any(format_suffix(model) in suffixes for suffixes, _ in ENGINES.values()):
            only += f"; this runs as it is: fmnist predict {model} IMAGE"
        raise ModelError(f"{model}: {explain_wrong_file(model) or only}")
    require_file(model, "a Keras model", ModelError)
    with needs_extra("train", "exporting"):
        import onnx  # noqa: F401 - the rest of the extra is loaded when something is converted

        from fmnist_exporters.export import Artifact, Exporter
        from fmnist_exporters.manifest import write_manifest
    source = _source(origin)
    exporter = Exporter(source, force, lambda note: say_notes([note]), on_step)
    folders = {
        path.parent for recipe, path in targets.items() if path == _default(recipe, model, path.parent)
    }
    _require_free(exporter, model, targets, folders, force)
    results: dict[Recipe, Artifact | FmnistError] = {}
    try:
        with needs_extra("train", "exporting"):
            for recipe, result in exporter.export_all(targets):
                results[recipe] = result
                if isinstance(result, Artifact):
                    on_artifact(result)
    finally:  # also after an interruption
        made = any(isinstance(result, Artifact | RejectedError) for result in results.values())
        for folder in folders if made else ():
            write_manifest(folder)
    in_order = [results[recipe] for recipe in targets]
    artifacts = [result for result in in_order if isinstance(result, Artifact)]
    failures = [result for result in in_order if isinstance(result, FmnistError)]
    try:
        for folder in folders if artifacts else ():
            if not _lies_in_run(folder):
                splits = Splits(None, origin.data_dir)
                taken = artifacts[0].metadata.source_range
                record_reference(model, folder, splits, source.dataset, taken)
    except FmnistError as error:
        failures.append(error)
    return Export(tuple(artifacts), tuple(failures), exporter.right or _right_of(artifacts))


def _export_c(origin: Origin, path: Path, force: bool, on_artifact: Callable[[Artifact], None]) -> Export:
    """Write the C of a TFLite model; it has the scheme of the model."""
    from fmnist_exporters.c_of_tflite import SAME, Wishes, export_c
    from fmnist_exporters.export import Artifact
    from fmnist_exporters.manifest import MANIFEST_FILE, write_manifest

    require_file(origin.model, "a TFLite model", ModelError)
    labels = None
    if origin.labels:
        read = read_distinct_labels(origin.labels)
        say_notes(read.notes)
        labels = read.names
    require_writable(path.parent / MANIFEST, MANIFEST_FILE, force)
    splits = Splits(origin.dataset, origin.data_dir)
    how = Execution(input_range=origin.input_range, labels=labels)
    session, dataset = open_on(origin.model, how, splits.of)
    own = session.info.labels
    if labels is None and is_numbered(own) and len(own) == len(dataset.labels):
        labels = dataset.labels
    preparation = preparation_of(dataset.name, origin.data_dir)
    with session:
        gate = replace(SAME, **origin.limits)
        metadata = export_c(session, dataset, path, Wishes(labels or own, preparation, gate, force))
    if (path.parent / MANIFEST).is_file():
        write_manifest(path.parent)
    recipe = Recipe("c", metadata.scheme, False, 0.0, "C99 for any device")
    artifact = Artifact(path, recipe, metadata, path.stat().st_size, kept=False)
    on_artifact(artifact)
    return Export((artifact,), (), _right_of([artifact]))


def _right_of(artifacts: Iterable[Artifact]) -> tuple[int, int] | None:
    """Return how many images the original got right when the kept artifacts were made."""
    for artifact in artifacts:
        proof = artifact.metadata.proof
        return round(proof["reference_accuracy"] * proof["images"]), proof["images"]
    return None


def _require_free(
    exporter: Exporter, model: Path, targets: Mapping[Recipe, Path], folders: Iterable[Path], force: bool
) -> None:
    """Check all output files before anything is converted."""
    from fmnist_exporters.manifest import MANIFEST_FILE

    for path in targets.values():
        exporter.require_free(path)
    for folder in folders:
        require_writable(folder / MANIFEST, MANIFEST_FILE, force)
        if not _lies_in_run(folder):
            require_writable(reference_path(model, folder), REFERENCE, force)


def _lies_in_run(folder: Path) -> bool:
    """Return whether a folder belongs to a run, which has the original's scores."""
    return run_of(folder / MANIFEST) is not None


def _default(recipe: Recipe, model: Path, folder: Path) -> Path:
    return recipe.artifact_path(model.stem, folder)


def _source(origin: Origin) -> Source:
    """Return what is known of an original, from the user or else from its run."""
    from fmnist_exporters.export import Source

    run = run_of(origin.model)
    name, digest, labels = "", "", None
    record = run.training() if run else {"settings": {}}
    declared = str(record["settings"].get("preparation", ""))
    if origin.dataset:
        like = wanted_like(record["settings"]["dataset"], origin.data_dir) if run else None
        if like and declared:
            like = replace(like, preparation=declared)
        dataset = as_idx(origin.dataset, like)
        test = load_dataset(dataset, "test", origin.data_dir)
        name, digest, labels = dataset_reference(dataset), test.digest, test.labels
    elif run:
        name, digest, labels = record["settings"]["dataset"], record["test_digest"], tuple(record["labels"])

    def load_training() -> Dataset:
        if not name:
            raise DatasetError(
                f"{origin.model}: an export is checked on training images; give the data set with --dataset"
            )
        return load_dataset(name, "train", origin.data_dir)

    if origin.labels:
        read = read_distinct_labels(origin.labels)
        say_notes(read.notes)
        labels = read.names
    known_here = (
        origin.input_range is None
        and run is not None
        and run.model == origin.model.absolute()
        and run.training()["model_sha256"] == sha256_file(origin.model)  # else the file was replaced
    )
    taken = run.training().get("input_range", RAW) if run and known_here else origin.input_range
    return Source(
        path=origin.model,
        input_range=taken,
        dataset=name,
        dataset_digest=digest,
        labels=labels,
        load_training=load_training,
        is_range_sure=known_here,
        limits=origin.limits,
        preparation=declared or preparation_of(name, origin.data_dir),
        allow_chance=origin.allow_chance,
    )


def export_text(exported: Export) -> str:
    """Return a table of the artifacts, and how often the original is right; empty if neither is known."""
    if not exported.artifacts:
        return exported.original
    rows = [
        [
            str(artifact.path),
            contents_of(artifact.path, artifact.recipe),
            "kept" if artifact.kept else "written",
            percent(artifact.agreement),
            size(artifact.size_bytes),
        ]
        for artifact in exported.artifacts
    ]
    header = ["artifact", "contents", "state", "agreement", "size"]
    return (
        f"{table(header, rows, left=3)}\n{exported.original}; agreement: same class as the original on these"
    )

"""Which files an export writes, and of which original."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.models import KERAS_SUFFIX
from fmnist.runs import run_of
from fmnist_exporters.recipes import FORMATS, Recipe
from fmnist_runtime.datasets import Dataset, load_dataset
from fmnist_runtime.errors import DatasetError, FmnistError, ModelError, OutputError, needs_extra
from fmnist_runtime.files import require_file

if TYPE_CHECKING:
    from fmnist_exporters.export import Artifact, Source


@dataclass(frozen=True)
class Export:
    """What came of exporting a model by several recipes."""

    artifacts: tuple[Artifact, ...]
    """The files that are there now."""
    failures: tuple[FmnistError, ...]
    """Why others are not."""


def plan_targets(model: Path, recipes: list[Recipe], out: Path | None) -> dict[Recipe, Path]:
    """The file that each recipe writes.

    Args:
        model: The original.
        recipes: What to make.
        out: A file, when one recipe is to be written and the suffix is its own; else a folder;
            ``export`` beside the original when None.

    Raises:
        OutputError: ``out`` names one file for several artifacts, or one of another format.
    """
    if out is None or out.suffix.lstrip(".") not in FORMATS or out.is_dir():
        folder = model.parent / "export" if out is None else out
        return {recipe: _default(recipe, model, folder) for recipe in recipes}
    if len(recipes) > 1:
        raise OutputError(
            f"{out}: is one file, but {len(recipes)} artifacts are to be written; name a folder"
        )
    if out.suffix != f".{recipes[0].format}":
        raise OutputError(f"{out}: a {recipes[0].format} artifact ends in .{recipes[0].format}")
    return {recipes[0]: out}


def export_model(
    model: Path,
    targets: Mapping[Recipe, Path],
    dataset: str | None = None,
    data_dir: Path | None = None,
    force: bool = False,
    on_artifact: Callable[[Artifact], None] = lambda artifact: None,
) -> Export:
    """Export a ``.keras`` model, and list what is there in a manifest. One recipe's failure stops no other.

    Args:
        model: The original.
        targets: The file that each recipe writes.
        dataset: Data set for calibration and class names; by the model's run when None.
        data_dir: Where the data set lies, if not in one of the usual places.
        force: Replace files that are not ours, too.
        on_artifact: Called with each artifact when its file is complete.

    Raises:
        ModelError: The model is not a ``.keras`` file.
        OutputError: A file is in the way; found before anything is converted.
    """
    if model.suffix.lower() != KERAS_SUFFIX:
        raise ModelError(f"{model}: only a .keras model can be exported")
    require_file(model, "a .keras model", ModelError)
    with needs_extra("train", "exporting"):
        from fmnist_exporters.export import Exporter, require_manifest_free, write_manifest
    listed = {path.parent for recipe, path in targets.items() if path == _default(recipe, model, path.parent)}
    exporter = Exporter(_source(model, dataset, data_dir), force)
    for folder in listed:
        require_manifest_free(folder)
    for path in targets.values():
        exporter.require_free(path)
    artifacts, failures = [], []
    try:
        for recipe, path in targets.items():
            try:
                artifacts.append(exporter.export(recipe, path))
                on_artifact(artifacts[-1])
            except FmnistError as error:
                failures.append(error)
    finally:
        for folder in listed if artifacts else ():
            write_manifest(folder, model)
    return Export(tuple(artifacts), tuple(failures))


def _default(recipe: Recipe, model: Path, folder: Path) -> Path:
    return recipe.artifact_path(model.stem, folder)


def _source(model: Path, dataset: str | None, data_dir: Path | None) -> Source:
    """What is known of an original: what the user says, else what its run says, else nothing."""
    from fmnist_exporters.export import Source

    run = run_of(model)
    name, digest, labels = "", "", None
    if dataset:
        test = load_dataset(dataset, "test", data_dir)
        name, digest, labels = dataset, test.digest, test.labels
    elif run:
        record = run.training()
        name, digest, labels = record["settings"]["dataset"], record["test_digest"], tuple(record["labels"])

    def load_training() -> Dataset:
        if not name:
            raise DatasetError(
                f"{model}: calibrating takes training images; name the data set with --dataset"
            )
        return load_dataset(name, "train", data_dir)

    return Source(model, name, digest, labels, load_training)

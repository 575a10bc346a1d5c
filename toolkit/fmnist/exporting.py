"""Which files an export writes, and of which original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.models import KERAS_SUFFIX, dataset_of_original
from fmnist.runs import run_of
from fmnist_exporters.recipes import FORMATS, Recipe
from fmnist_runtime.datasets import KNOWN, load_dataset
from fmnist_runtime.errors import ModelError, OutputError, needs_extra
from fmnist_runtime.files import require_file

if TYPE_CHECKING:
    from fmnist_exporters.export import Artifact


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
        return {recipe: recipe.artifact_path(model.stem, folder) for recipe in recipes}
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
) -> Iterator[Artifact]:
    """Export a ``.keras`` model, yielding each artifact as it is finished, and list them in a manifest.

    Args:
        model: The original.
        targets: The file that each recipe writes.
        dataset: Data set for calibration and class names; by the model's run when None.
        data_dir: Where the data set lies, if not in one of the usual places.
        force: Replace files that are not ours, too.

    Raises:
        FmnistError: The model or data set cannot be used, or a file cannot be written.
    """
    if model.suffix.lower() != KERAS_SUFFIX:
        raise ModelError(f"{model}: only a .keras model can be exported")
    require_file(model, "a .keras model", ModelError)
    name = dataset or dataset_of_original(model)
    with needs_extra("train", "exporting"):
        from fmnist_exporters.export import Source, export, write_manifest
    source = Source(
        path=model,
        dataset=name,
        labels=_labels(model, name, data_dir),
        load_training=lambda: load_dataset(name, "train", data_dir),
    )
    yield from export(source, targets, force)
    for folder in {path.parent for path in targets.values()}:
        write_manifest(folder, model)


def _labels(model: Path, dataset: str, data_dir: Path | None) -> tuple[str, ...]:
    run = run_of(model)
    if run:
        return tuple(run.training()["labels"])
    return KNOWN[dataset].labels if dataset in KNOWN else load_dataset(dataset, "train", data_dir).labels

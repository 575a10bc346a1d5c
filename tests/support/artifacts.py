"""Export the tiny run, or another original in its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fmnist_exporters.export import Artifact, Exporter, Source
from fmnist_exporters.formats import embed_zip
from fmnist_exporters.recipes import RECIPES, Recipe
from fmnist_runtime.artifact.container import read_container, read_metadata
from fmnist_runtime.data.datasets import KNOWN, load_dataset
from support import DATA, TINY

_INT8 = TINY / "export" / "model-int8.tflite"
BY_NAME = {(recipe.format, recipe.scheme): recipe for recipe in RECIPES}
FLOAT32 = BY_NAME["tflite", "float32"]
SOURCE = Source(
    path=TINY / "model.keras",
    input_range="0-255",
    dataset="fashion-mnist",
    dataset_digest="of the test split",
    labels=KNOWN["fashion-mnist"].labels,
    load_training=lambda: load_dataset("fashion-mnist", "train", DATA),
)


def make(folder: Path, *recipes: Recipe, source: Source = SOURCE, force: bool = False) -> list[Artifact]:
    exporter = Exporter(source, force)
    targets = {recipe: recipe.artifact_path("model", folder) for recipe in recipes}
    results = dict(exporter.export_all(targets))
    for result in results.values():
        if isinstance(result, Exception):
            raise result
    return [results[recipe] for recipe in recipes]


def with_metadata(path: Path, **changes: object) -> Path:
    """Return a copy of the tiny run's int8 artifact with other metadata."""
    metadata, container = read_metadata(_INT8), read_container(_INT8)
    assert metadata is not None
    assert container is not None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(embed_zip(_INT8.read_bytes()[: container.model_bytes], replace(metadata, **changes)))
    return path

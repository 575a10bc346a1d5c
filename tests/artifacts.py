"""Exporting the tiny run, or another original in its place."""

from __future__ import annotations

from pathlib import Path

from support import DATA, TINY

from fmnist_exporters.export import Artifact, Exporter, Source
from fmnist_exporters.recipes import RECIPES, Recipe
from fmnist_runtime.datasets import KNOWN, load_dataset

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
    return [exporter.export(recipe, recipe.artifact_path("model", folder)) for recipe in recipes]

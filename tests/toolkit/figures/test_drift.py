"""Drift by class: what changed, as numbers and as colours."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fmnist.figures.drift import drift_table
from fmnist.runs.reading import read_run
from fmnist.runs.results import ModelResults
from fmnist.runs.run import Run
from fmnist_runtime.parity.changes import ClassChange


@pytest.fixture(scope="module")
def run(tiny_run):
    return read_run(Run(tiny_run))


def change(index: int, worse: int, better: int, images: int = 1000) -> ClassChange:
    accuracy = 0.5 if images else math.nan
    return ClassChange(index, images, accuracy, accuracy, worse, better)


def changed(model: ModelResults, *classes: ClassChange) -> ModelResults:
    """The model, if these were its changes by class."""
    assert model.parity is not None
    changes = replace(model.parity.changes, classes=classes)
    return replace(model, parity=replace(model.parity, changes=changes))


def test_every_class_and_artifact_has_its_change(run):
    table = drift_table(run.labels, run.models)
    assert table.columns == tuple(enumerate((model.name for model in run.artifacts), start=1))
    assert [row.label for row in table.rows] == list(run.labels)
    for row, index in zip(table.rows, range(10), strict=True):
        assert row.images == 1000
        assert row.accuracy == run.original.evaluation.class_accuracy[index]
        for cell, model in zip(row.cells, run.artifacts, strict=True):
            found = model.parity.changes.classes[index]
            assert cell.shown == f"{100 * (found.candidate_accuracy - found.reference_accuracy):+z.2f}"
            assert cell.tooltip == f"{found.worse} worse, {found.better} better of 1,000 images"


@pytest.mark.parametrize(
    ("worse", "better", "classes", "shown"),
    [
        (7, 7, "neutral", "+0.00"),
        (2, 0, "bad depth-1", "-0.20"),
        (3, 0, "bad depth-2", "-0.30"),
        (0, 6, "good depth-3", "+0.60"),
        (31, 1, "bad depth-4", "-3.00"),
    ],
)
def test_colours_deepen_with_the_change(run, worse, better, classes, shown):
    model = changed(run.artifacts[0], change(0, worse, better), change(1, 0, 0))
    [row, _] = drift_table(["a", "b"], [run.original, model]).rows
    assert [(cell.classes, cell.shown) for cell in row.cells] == [(classes, shown)]


def test_a_class_without_images_has_no_change(run):
    model = changed(run.artifacts[0], change(0, 1, 0), change(1, 0, 0, images=0))
    cell = drift_table(["a", "b"], [run.original, model]).rows[1].cells[0]
    assert (cell.value, cell.shown, cell.classes) == (None, "–", "neutral")
    assert cell.tooltip == "no images of this class"


def test_the_message_names_the_greatest_loss(run):
    models = [changed(run.artifacts[0], change(0, 1, 0), change(1, 0, 9)),
              changed(run.artifacts[1], change(0, 0, 0), change(1, 12, 0))]  # fmt: skip
    message = drift_table(["a", "b"], models).message
    assert message == f"b lost most, in {run.artifacts[1].name}: -1.20 points."
    none = changed(run.artifacts[0], change(0, 0, 0), change(1, 0, 9))
    assert drift_table(["a", "b"], [none]).message == ""


def test_of_many_classes_those_are_shown_that_changed_most(run):
    few = changed(run.artifacts[0], *(change(index, index % 50, 0) for index in range(100)))
    table = drift_table([f"class {index}" for index in range(100)], [few])
    assert (len(table.rows), table.classes) == (40, 100)
    expected = [index for index in range(100) if index % 50 >= 30]
    assert [row.label for row in table.rows] == [f"class {index}" for index in expected]


def test_without_a_comparison_there_is_no_table(run):
    bare = [replace(model, parity=None) for model in run.models]
    assert drift_table(run.labels, bare) is None
    some = [*bare[:2], run.models[2]]
    assert drift_table(run.labels, some).columns == ((2, run.models[2].name),)

"""A model that answers every image otherwise: the page stays small, shows a part, and says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import DATA

from fmnist.models.select import Splits
from fmnist.report.changed import find_changed_answers
from fmnist.report.page import render_page
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist_runtime.parity import Parity
from fmnist_runtime.parity.changes import find_changes

MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def broken(tiny_run, tmp_path_factory):
    """The report of a run all of whose artifacts answer with the class after the original's."""
    run, reference = read_run(Run(tiny_run)), Run(tiny_run).recorded_scores()
    after = np.roll(reference.scores, 1, axis=1)
    changes = find_changes(reference.scores, after, reference.targets)
    before, now = (scores.argmax(axis=1) for scores in (reference.scores, after))
    worse, better = int((before == reference.targets).sum()), int((now == reference.targets).sum())

    def parity(found: Parity) -> Parity:
        counts = {"worse": worse, "better": better, "wrong_to_wrong": 10_000 - worse - better}
        return replace(found, changes=changes, answers=replace(found.answers, **counts))

    artifacts = tuple(replace(model, parity=parity(model.parity)) for model in run.artifacts)
    run = replace(run, artifacts=artifacts)
    path = tmp_path_factory.mktemp("broken") / "page.html"
    path.write_text(render_page([run], [find_changed_answers(run, reference, Splits(None, DATA))]), "utf-8")
    return path


def test_the_page_stays_below_three_megabytes(broken):
    assert 1_200_000 < broken.stat().st_size < MOST_BYTES


def test_it_says_how_many_of_all_it_shows(broken, show):
    page = show(broken)
    page.locator("select.pick").select_option(label="model-int8.tflite")
    said = page.locator(".changed .count").inner_text()
    assert said.startswith("60 of 10,000 shown")
    listed = int(said.partition("The page has room for ")[2].partition(" ")[0].replace(",", ""))
    assert said.endswith(f"The page has room for {listed:,} of all 10,000.")
    while page.locator(".more").is_visible():
        page.locator(".more").click()
    assert page.locator("figure.flip").count() == listed
    assert 500 < listed < 10_000


def test_every_move_has_pictures_of_its_own(broken, show):
    page = show(broken)
    page.locator("select.pick").select_option(label="model-int8.tflite")
    moves = page.locator(".changed .pairs option").evaluate_all("found => found.map(one => one.value)")
    assert len(moves) == 11  # all, and from each class to the one after it
    for move in moves:
        page.locator(".changed .pairs").select_option(move)
        assert page.locator("figure.flip").count() == 60
        assert "of all 10,000" in page.locator(".changed .count").inner_text()

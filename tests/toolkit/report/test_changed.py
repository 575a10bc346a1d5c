"""The changed answers that a page has room for, and their pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support import DATA
from support.results_of import changed_answers, comparisons

from fmnist.models.select import Splits
from fmnist.report import changed as module
from fmnist.report.changed import data_uri, find_changed_answers
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run

FULL, INT8 = "model-int8-full.tflite", "model-int8.tflite"


@pytest.fixture(scope="module")
def run(tiny_run):
    return read_run(Run(tiny_run))


def find(run, runs=1, data=DATA):
    return find_changed_answers(run, Run(run.folder).recorded_scores(), Splits(None, data), runs)


def by_name(run, found):
    return dict(zip((model.name for model in run.artifacts), found.answers, strict=True))


def decoded(uri: str) -> Image.Image:
    assert uri.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2], validate=True)))


def test_where_there_is_room_every_changed_answer_is_there_and_each_image_once(run, tiny_run):
    found = find(run)
    images = set()
    for name, answers in by_name(run, found).items():
        expected = changed_answers(tiny_run, name)
        assert [answer.image for answer in answers] == [entry["images"] for entry in expected]
        assert [answer.before_margin for answer in answers] == [one["reference_margin"] for one in expected]
        images |= {answer.image for answer in answers}
    assert set(found.pictures) == images
    assert len(images) < sum(map(len, found.answers))  # several models changed the same
    assert found.absent == ""


def test_what_changed_is_worse_better_or_from_wrong_to_wrong(run, tiny_run):
    kinds = [answer.kind for answer in by_name(run, find(run))[FULL]]
    counts = comparisons(tiny_run)[FULL]["answers"]
    for kind, key in (("worse", "worse"), ("better", "better"), ("wrong", "wrong_to_wrong")):
        assert kinds.count(kind) == counts[key] > 0


def test_the_room_for_pictures_is_kept_and_shared_by_runs(run, monkeypatch):
    monkeypatch.setattr(module, "_MOST_PICTURE_BYTES", 40_000)
    sizes = []
    for runs in (1, 2):
        found = find(run, runs)
        sizes.append(sum(map(len, found.pictures.values())))
        assert sizes[-1] <= 40_000 / runs
        shown = {answer.image for answers in found.answers for answer in answers}
        assert shown == set(found.pictures)  # no answer without its picture
    # Less than one picture of room is left: those of 28×28 pixels take up to 1,100 bytes here.
    assert sizes[0] > 40_000 - 1_200
    assert sizes[1] > 20_000 - 1_200


def test_many_runs_leave_some_room_for_the_pictures_of_each(run):
    """Thirteen and more take all of the page for themselves; a page of them is larger than others."""
    for runs in (13, 100):
        taken = sum(map(len, find(run, runs).pictures.values()))
        assert 20_000 - 1_200 < taken <= (2_800_000 - 13 * 180_000) / 13


def test_of_too_many_the_surest_of_each_move_stay(run, tiny_run, monkeypatch):
    """As many as there are moves from class to class: the surest of each, listed by how sure it was."""
    moves = comparisons(tiny_run)[FULL]["changes"]["pairs"]
    monkeypatch.setattr(module, "_ANSWERS", len(moves) * len(run.artifacts))
    answers = by_name(run, find(run))[FULL]
    surest = {}
    for entry in changed_answers(tiny_run, FULL):
        surest.setdefault((entry["reference"], entry["candidate"]), entry["images"])
    assert len(moves) > 10
    assert [answer.image for answer in answers] == list(surest.values())


def test_without_the_data_set_the_answers_are_there_and_why_the_pictures_are_not(run, tmp_path):
    found = find(run, data=tmp_path)
    assert found.pictures == {}
    assert found.answers == find(run).answers
    assert "no folder holds t10k-images-idx3-ubyte[.gz]" in found.absent


def test_images_of_another_data_set_are_not_shown(run):
    reference = replace(Run(run.folder).recorded_scores(), dataset="mnist")
    found = find_changed_answers(run, reference, Splits(None, DATA))
    assert found.pictures == {}
    assert "are not the 10,000 of mnist that model.keras was scored on" in found.absent


def test_the_data_set_is_not_read_where_no_answer_changed(run, tmp_path):
    same = replace(run, artifacts=tuple(model for model in run.artifacts if "float32" in model.name))
    found = find(same, data=tmp_path)
    assert found.answers == ((),) * len(same.artifacts)
    assert found.absent == ""


def test_colours_stay_and_large_images_are_scaled_down():
    generator = np.random.default_rng(0)
    colours = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(decoded(data_uri(colours))), colours)
    large = np.full((128, 256), 77, np.uint8)
    small = np.asarray(decoded(data_uri(large)))
    assert small.shape == (32, 64)
    assert set(small.ravel().tolist()) == {77}
    two = np.stack([np.full((4, 4), 10, np.uint8), np.full((4, 4), 30, np.uint8)], axis=2)
    assert np.asarray(decoded(data_uri(two))).tolist() == [[20] * 4] * 4

"""The matrix holds what eval.json holds, of the model that is picked."""

from __future__ import annotations

import numpy as np
import pytest
from support.results_of import evaluations

MODELS = ("model.keras", "model-int8.tflite", "model-int8-full.tflite")


def matrix(page) -> np.ndarray:
    cells = page.locator(".cells tbody td")
    counts = cells.evaluate_all("cells => cells.map(cell => Number(cell.dataset.count))")
    size = int(len(counts) ** 0.5)
    return np.asarray(counts).reshape(size, size)


@pytest.mark.parametrize("name", MODELS)
def test_the_matrix_is_that_of_the_picked_model(tiny, tiny_run, name):
    tiny.locator("select.pick").select_option(label=name)
    expected = evaluations(tiny_run)[name]
    assert matrix(tiny).tolist() == expected["confusion"]
    shown = tiny.locator(".cells tbody td").all_inner_texts()
    assert [int(text or 0) for text in shown] == np.ravel(expected["confusion"]).tolist()
    assert tiny.locator(".cells thead th").all_inner_texts() == expected["labels"]
    assert tiny.locator(".cells tbody th").all_inner_texts() == expected["labels"]


def test_the_difference_to_the_original_is_that_of_the_two_matrices(tiny, tiny_run):
    found = evaluations(tiny_run)
    box = tiny.get_by_label("difference to the original")
    assert not box.is_visible()  # the original beside itself
    tiny.locator("select.pick").select_option(label="model-int8-full.tflite")
    box.check()
    expected = np.subtract(found["model-int8-full.tflite"]["confusion"], found["model.keras"]["confusion"])
    assert np.array_equal(matrix(tiny), expected)
    shown = tiny.locator(".cells tbody td").all_inner_texts()
    assert [int(text.replace("−", "-") or 0) for text in shown] == expected.ravel().tolist()
    tiny.locator("select.pick").select_option(label="model.keras")
    assert matrix(tiny).tolist() == found["model.keras"]["confusion"]


def test_a_cell_says_what_it_counts_when_pointed_at(tiny, tiny_run):
    labels = evaluations(tiny_run)["model.keras"]["labels"]
    count = evaluations(tiny_run)["model.keras"]["confusion"][6][0]
    tiny.locator(".cells tbody tr").nth(6).locator("td").nth(0).hover()
    assert tiny.locator(".told").inner_text() == f"{count} images of {labels[6]}, answered {labels[0]}"


def test_the_list_is_of_the_most_frequent_confusions_of_the_picked_model(tiny, tiny_run):
    for name in MODELS:
        tiny.locator("select.pick").select_option(label=name)
        wrong = np.asarray(evaluations(tiny_run)[name]["confusion"])
        np.fill_diagonal(wrong, 0)
        counts = tiny.locator("table.most tbody td:nth-child(3)").all_inner_texts()
        assert [int(text.replace(",", "")) for text in counts] == sorted(wrong.ravel().tolist())[:-13:-1]

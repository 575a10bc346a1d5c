"""One model of a run is picked: what is of the others goes, and comes back."""

from __future__ import annotations

from support.results_of import model_names, number_of

ROWS = "section[aria-labelledby=artifacts-0] tbody tr"


def shown(page, scope: str = "") -> list[str]:
    cells = page.locator(f"{scope} {ROWS}:visible th")
    return cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")


def test_a_picked_model_stands_alone_in_the_table_and_all_come_back(tiny, tiny_run):
    every = model_names(tiny_run)
    picker = tiny.locator("select.pick")
    assert [text.strip() for text in picker.locator("option").all_inner_texts()] == ["all", *every]
    for name in every:
        picker.select_option(label=name)
        assert shown(tiny) == [name]
        others = tiny.locator("[data-model]:visible")
        assert set(others.evaluate_all("found => found.map(one => one.dataset.model)")) == {
            number_of(tiny_run, name)
        }
        dimmed = tiny.locator("[data-mark].dim").evaluate_all("found => found.map(one => one.dataset.mark)")
        assert number_of(tiny_run, name) not in dimmed
    picker.select_option(label="all")
    assert shown(tiny) == every
    assert tiny.locator(".other, .dim").count() == 0


def test_runs_on_a_page_are_picked_from_apart(show, two_page, tiny_run):
    page = show(two_page)
    every = model_names(tiny_run)
    page.locator("#run-1 select.pick").select_option(label="model-int8.tflite")
    rows = "section[aria-labelledby=artifacts-{}] tbody tr:visible"
    assert page.locator(rows.format(0)).count() == len(every)
    assert page.locator(rows.format(1)).count() == 1
    assert page.locator("#run-0 .confusion .of").inner_text() == "model.keras"
    assert page.locator("#run-1 .confusion .of").inner_text() == "model-int8.tflite"
    first, second = (page.locator(f"#run-{number} .changed .which code").inner_text() for number in (0, 1))
    assert second == "model-int8.tflite"
    page.locator("#run-0 select.pick").select_option(label="model-int8-full.tflite")
    assert page.locator("#run-0 .changed .which code").inner_text() == "model-int8-full.tflite"
    assert page.locator("#run-1 .changed .which code").inner_text() == second
    assert first in every

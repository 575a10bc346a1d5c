"""Classes of a stranger: names that would be markup, and more of them than a matrix has room for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import DATA

from fmnist.models.select import Splits
from fmnist.report.changed import ChangedAnswers, find_changed_answers
from fmnist.report.page import render_page
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.parity import Gate, compare

NASTY = (
    "<script>document.title='taken'</script>",
    "</script><script>document.title='taken'</script>",
    "\"><img src=x onerror=document.title='taken'>",
    "{{ 7 * 7 }}",
    "${document.title='taken'}",
    "<!--",
    "&lt;b&gt;",
    "'",
    "\u2028",
    "a very long name of a class that does not fit into any column of any table on any telephone",
)


@pytest.fixture(scope="module")
def run(tiny_run):
    return read_run(Run(tiny_run))


@pytest.fixture
def nasty(run, tmp_path, show):
    named = replace(run, labels=NASTY)
    changed = find_changed_answers(named, Run(run.folder).recorded_scores(), Splits(None, DATA))
    path = tmp_path / "nasty.html"
    path.write_text(render_page([named], [changed]), "utf-8")
    return show(path, viewport={"width": 390, "height": 844})


def test_names_are_shown_as_they_are_and_do_nothing(nasty):
    expected = [name if name.isprintable() else "?" for name in NASTY]
    for model in ("model.keras", "model-int8-full.tflite"):
        nasty.locator("select.pick").select_option(label=model)
        assert nasty.locator(".cells thead th").all_text_contents() == expected
        assert nasty.title() == "tiny · fmnist report"
    moves = nasty.locator(".changed .pairs option").all_text_contents()[1:]
    names = {name for move in moves for name in move.rpartition(" (")[0].split(" → ")}
    assert names <= set(expected)
    assert nasty.evaluate("document.querySelectorAll('main script, main img:not(.flip img)').length") == 0


def test_long_names_make_no_page_wider_than_a_phone(nasty):
    nasty.locator("select.pick").select_option(label="model-int8-full.tflite")
    assert nasty.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_six_runs_of_two_hundred_classes_that_all_changed_stay_below_three_megabytes(run, tmp_path, show):
    """There are more moves from class to class than answers have room; each that is offered has a picture."""
    generator = np.random.default_rng(0)
    before, after = generator.dirichlet(np.ones(200), (2, 10_000)).astype(np.float32)
    targets = generator.integers(0, 200, 10_000).astype(np.uint8)
    parity = compare(before, after, targets, Gate(0.01))
    assert len(parity.changes.pairs) > 8_000
    many = replace(
        run,
        labels=tuple(f"a class that is called {index}" for index in range(200)),
        original=replace(run.original, evaluation=evaluate(before, targets)),
        artifacts=tuple(
            replace(model, parity=parity, evaluation=evaluate(after, targets)) for model in run.artifacts
        ),
    )
    changed = find_changed_answers(many, Run(run.folder).recorded_scores(), Splits(None, DATA), 6)
    path = tmp_path / "six.html"
    path.write_text(render_page([many] * 6, [changed] * 6), "utf-8")
    assert path.stat().st_size < 3_000_000
    page = show(path)
    offered = page.locator("#run-5 .changed .pairs option").evaluate_all("all => all.map(one => one.value)")
    assert len(offered) > 100
    for move in (offered[1], offered[-1]):
        page.locator("#run-5 .changed .pairs").select_option(move)
        assert page.locator("#run-5 figure.flip img").count() > 0


def test_of_many_classes_the_most_frequent_confusions_are_listed_instead_of_a_matrix(run, tmp_path, show):
    generator = np.random.default_rng(0)
    evaluation = evaluate(
        generator.random((3000, 41), dtype=np.float32), generator.integers(0, 41, 3000).astype(np.uint8)
    )
    many = replace(
        run,
        labels=tuple(f"class {index}" for index in range(41)),
        original=replace(run.original, evaluation=evaluation),
        artifacts=(),
    )
    path = tmp_path / "many.html"
    path.write_text(render_page([many], [ChangedAnswers((), {})]), "utf-8")
    page = show(path)
    assert not page.locator(".matrix").is_visible()
    wrong = evaluation.confusion * (1 - np.eye(41, dtype=int))
    rows = page.locator("table.most tbody tr")
    assert rows.count() == 50
    assert rows.locator("td:nth-child(3)").all_inner_texts() == [
        str(count) for count in sorted(wrong.ravel().tolist(), reverse=True)[:50]
    ]
    true, answer = (
        rows.first.locator(cell).inner_text().removeprefix("class ") for cell in ("th", "td:nth-child(2)")
    )
    assert wrong[int(true), int(answer)] == wrong.max()


def test_where_no_class_is_confused_it_is_said(run, tmp_path, show):
    targets = np.arange(1000, dtype=np.uint8) % 10
    faultless = evaluate(np.eye(10, dtype=np.float32)[targets], targets)
    path = tmp_path / "faultless.html"
    original = replace(run.original, evaluation=faultless)
    path.write_text(render_page([replace(run, original=original)], [ChangedAnswers(((),) * 6, {})]), "utf-8")
    page = show(path)
    table, told = page.locator("table.most"), page.get_by_text("There are no confusions.")
    assert (table.is_visible(), told.is_visible()) == (False, True)
    page.locator("select.pick").select_option(label="model-int8.tflite")
    assert (table.is_visible(), told.is_visible()) == (True, False)
    page.locator("select.pick").select_option(label="model.keras")
    assert (table.is_visible(), told.is_visible()) == (False, True)


def test_long_names_of_confused_classes_both_fit_the_window(run, tmp_path, show):
    named = replace(run, labels=tuple(f"{number} {'of a long description ' * 6}" for number in range(10)))
    path = tmp_path / "long.html"
    path.write_text(render_page([named], [ChangedAnswers(((),) * 6, {})]), "utf-8")
    scroll = show(path, viewport={"width": 1280, "height": 900}).locator(".listed .scroll")
    assert scroll.evaluate("found => found.scrollWidth <= found.clientWidth")

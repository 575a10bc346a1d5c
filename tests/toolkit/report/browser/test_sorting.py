"""Tables sort by any of their columns, both ways, and what is missing stands last."""

from __future__ import annotations

import pytest
from support.results_of import comparisons, evaluations, model_names, timings

TABLE = "section[aria-labelledby=artifacts-0] table"
COLUMNS = 12


def names(page) -> list[str]:
    cells = page.locator(f"{TABLE} tbody th")
    return cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")


def sort_by(page, column: int) -> str | None:
    header = page.locator(f"{TABLE} thead th").nth(column)
    header.get_by_role("button").click()
    return header.get_attribute("aria-sort")


def figures(run) -> dict[int, dict[str, float | str]]:
    """What columns hold, by model, from the results' files; models that they say nothing of are left out."""
    found, compared, timed = evaluations(run), comparisons(run), timings(run)

    def percentile(key: str) -> dict[str, float]:
        return {name: entry[key]["value"] for name, entry in timed.items() if entry[key]}

    return {
        0: {name: name for name in model_names(run)},
        2: {name: entry["size_bytes"] for name, entry in found.items()},
        3: {name: entry["accuracy"] for name, entry in found.items()},
        5: {name: entry["answers"]["accuracy_difference"] for name, entry in compared.items()},
        7: {name: entry["answers"]["agreement"] for name, entry in compared.items()},
        8: percentile("p50_us"),
        10: percentile("p99_us"),
    }


@pytest.mark.parametrize("column", [0, 2, 3, 5, 7, 8, 10])
def test_sorts_as_the_figures_of_the_results_do(tiny, tiny_run, column):
    before = names(tiny)
    known = figures(tiny_run)[column]
    missing = [name for name in before if name not in known]
    there = [name for name in before if name in known]

    assert sort_by(tiny, column) == "ascending"
    assert names(tiny) == sorted(there, key=known.__getitem__) + missing
    rising = names(tiny)

    assert sort_by(tiny, column) == "descending"
    # Alike ones keep the order they had, in this direction, too.
    stable = sorted(rising[: len(there)], key=known.__getitem__, reverse=True)
    assert names(tiny) == stable + missing


def test_one_column_at_a_time_is_said_to_be_sorted_and_rows_stay_whole(tiny, tiny_run):
    rows = tiny.locator(f"{TABLE} tbody tr")
    before = sorted(rows.all_inner_texts())
    for column in range(COLUMNS):
        for direction in ("ascending", "descending"):
            assert sort_by(tiny, column) == direction
            assert tiny.locator(f"{TABLE} th[aria-sort]").count() == 1
            assert sorted(rows.all_inner_texts()) == before


def test_a_word_that_is_missing_stands_last_both_ways(tiny):
    verdicts = tiny.locator(f"{TABLE} tbody td.verdict")
    for _ in range(2):
        sort_by(tiny, 1)
        assert verdicts.all_inner_texts().index("–") == len(verdicts.all_inner_texts()) - 1


def test_the_list_of_confusions_sorts_too(tiny):
    counts = tiny.locator("table.most tbody td:nth-child(3)")
    before = [int(text.replace(",", "")) for text in counts.all_inner_texts()]
    assert before == sorted(before, reverse=True)
    tiny.locator("table.most").get_by_role("button", name="images").click()
    assert [int(text.replace(",", "")) for text in counts.all_inner_texts()] == sorted(before)

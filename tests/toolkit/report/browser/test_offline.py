"""The page needs no network and no script, and runs no script but its own."""

from __future__ import annotations

import re

import pytest
from support.results_of import model_names

SECTIONS = ("Artifacts", "Confusion", "Changed answers", "Provenance")


def test_opens_with_the_network_off_without_a_complaint(tiny):
    assert tiny.title() == "tiny · fmnist report"
    headings = tiny.locator("h2:visible").all_inner_texts()
    assert set(SECTIONS) <= set(headings)
    links = tiny.locator(".contents a").all_inner_texts()
    assert set(SECTIONS) <= set(links)


def test_without_script_tables_and_pictures_are_there_and_no_control_that_would_do_nothing(
    show, tiny_page, tiny_run
):
    page = show(tiny_page, java_script_enabled=False)
    names = page.locator("section[aria-labelledby=artifacts-0] tbody th").all_inner_texts()
    assert [name.split()[0] for name in names] == model_names(tiny_run)
    assert page.locator("table.most:visible tbody tr").count() == 12
    assert page.locator("figure.flip:visible").count() > 0
    assert page.locator("button:visible, select:visible, input:visible").count() == 0


@pytest.mark.parametrize(
    "smuggled",
    [
        '<img src="data:," onerror="document.title=\'taken\'">',
        "<script>document.title='taken'</script>",
        "<style>body{display:none}</style>",
        '<img src="https://example.org/seen.png">',
    ],
)
def test_what_got_into_the_page_past_the_escaping_does_nothing(browser, tiny_page, tmp_path, smuggled):
    """The guard of last resort, and that the tests here would see a complaint."""
    path = tmp_path / "smuggled.html"
    path.write_text(tiny_page.read_text("utf-8").replace("<main>", f"<main>{smuggled}"), "utf-8")
    context = browser.new_context(offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert page.title() == "tiny · fmnist report"
    assert page.locator("h1").is_visible()
    assert any(re.search("Content Security Policy", text) for text in complaints)
    context.close()

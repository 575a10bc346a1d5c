"""On a phone nothing sticks out of the page; on paper there is what can be read, not what can be worked."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("width", [390, 768, 1200])
@pytest.mark.parametrize("which", ["tiny_page", "two_page", "page_without_images"])
def test_nothing_makes_the_page_wider_than_its_window(show, request, which, width):
    page = show(request.getfixturevalue(which), viewport={"width": width, "height": 844})
    page.locator("select.pick").first.select_option(label="model-int8-full.tflite")
    scrolled = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert scrolled[0] <= scrolled[1]
    # A page could cut off what sticks out, and would then be as narrow; nothing outside of .scroll does.
    outside = page.locator("main *:visible").evaluate_all(
        """found => found.filter((one) => !one.closest(".scroll, .contents, svg"))
          .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
          .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_a_wide_table_scrolls_within_itself_and_keeps_its_first_column(show, tiny_page):
    page = show(tiny_page, viewport={"width": 390, "height": 844})
    scroll = page.locator("section[aria-labelledby=artifacts-0] .scroll")
    name = scroll.locator("tbody th").first
    before = name.bounding_box()["x"]
    scroll.evaluate("found => found.scrollTo(300, 0)")
    assert scroll.evaluate("found => found.scrollLeft") == 300
    assert name.bounding_box()["x"] == before


def test_the_bar_with_the_picker_stays_in_sight(show, tiny_page):
    page = show(tiny_page, viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page.locator(".changed h2").scroll_into_view_if_needed()
    page.mouse.wheel(0, 1500)
    page.wait_for_function("scrollY > 1000")
    box = page.locator(".bar").bounding_box()
    assert 0 <= box["y"] < 100


def test_on_paper_the_controls_are_gone_and_the_content_is_there(show, tiny_page):
    page = show(tiny_page, color_scheme="dark")
    page.locator("select.pick").select_option(label="model-int8-full.tflite")
    page.emulate_media(media="print")
    assert (
        page.locator("button:visible:not(th button), select:visible, input:visible, .top:visible").count()
        == 0
    )
    for there in (".decision", "section table", ".matrix", "figure.flip img"):
        assert page.locator(there).first.is_visible()
    assert page.locator("figure.flip:visible").count() == 60
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    stuck = page.locator("body *:visible").evaluate_all(
        "found => found.filter((one) => ['sticky', 'fixed'].includes(getComputedStyle(one).position)).length"
    )
    assert stuck == 0


def test_nothing_is_cut_off_on_paper(show, tiny_page):
    a4 = {"width": 718, "height": 1046}  # 210 by 297 mm without margins of 10, at 96 to the inch
    page = show(tiny_page, viewport=a4)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= a4["width"]


def test_no_word_of_a_heading_is_broken_on_paper(show, tiny_page):
    page = show(tiny_page, viewport={"width": 718, "height": 1046})
    page.emulate_media(media="print")
    lines = page.locator("section[aria-labelledby=artifacts-0] thead th").evaluate_all(
        """found => found.map((one) => {
          const range = document.createRange();
          range.selectNodeContents(one.firstElementChild.firstChild);
          return [one.textContent, new Set(Array.from(range.getClientRects(), (box) => box.top)).size];
        })"""
    )
    words = {text: count for text, count in lines if " " not in text}
    assert "accuracy" in words
    assert set(words.values()) == {1}


def test_it_prints(show, tiny_page):
    assert show(tiny_page).pdf().startswith(b"%PDF-")

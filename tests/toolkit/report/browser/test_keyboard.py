"""All that a mouse can do on the page, the keyboard can, and one sees where it is."""

from __future__ import annotations

import pytest

FOCUSED = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  return { tag: at.tagName, text: at.innerText ?? "", width: style.outlineWidth, line: style.outlineStyle };
}"""


@pytest.fixture
def keys(tiny):
    return tiny.keyboard


def tab_to(page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_tab_reaches_every_control_and_each_shows_that_it_is_there(tiny):
    reached = set()
    for _ in range(400):
        tiny.keyboard.press("Tab")
        if tiny.evaluate("document.activeElement === document.body"):
            break
        focused = tiny.evaluate(FOCUSED)
        assert focused["line"] != "none", focused
        assert float(focused["width"].removesuffix("px")) >= 1, focused
        reached.add(
            tiny.evaluate("Array.from(document.querySelectorAll('*')).indexOf(document.activeElement)")
        )
    wanted = tiny.locator(
        "a:visible, button:visible, select:visible, input:visible, .scroll[tabindex]:visible"
    )
    places = wanted.evaluate_all(
        "found => found.map(one => Array.from(document.querySelectorAll('*')).indexOf(one))"
    )
    assert len(places) > 20
    assert set(places) <= reached


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_column_is_sorted_by_key(tiny, keys, key):
    tab_to(tiny, "section[aria-labelledby=artifacts-0] th button")
    for direction in ("ascending", "descending"):
        keys.press(key)
        assert tiny.locator("th[aria-sort]").get_attribute("aria-sort") == direction
        assert tiny.evaluate("document.activeElement.textContent") == "model"  # the focus stays where it is


def test_a_model_is_picked_by_key(tiny, keys):
    tab_to(tiny, "select.pick")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    assert tiny.locator("section[aria-labelledby=artifacts-0] tbody tr:visible").count() == 1
    assert tiny.locator(".confusion .of").inner_text() == "model-float32.tflite"


def test_arrows_move_in_the_matrix_which_is_one_stop_of_tab(tiny, keys):
    tab_to(tiny, ".cells td")
    keys.press("ArrowRight")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    told = tiny.locator(".told").inner_text()
    assert told.endswith(" of Pullover, answered Trouser")
    for _ in range(12):
        keys.press("ArrowLeft")  # which ends at the edge
    assert "answered T-shirt/top" in tiny.locator(".told").inner_text()
    assert tiny.locator(".cells td[tabindex='0']").count() == 1
    keys.press("Tab")
    assert not tiny.evaluate("document.activeElement.matches('.cells td')")


def test_more_images_are_shown_by_key_and_the_focus_goes_to_the_first_of_them(tiny, keys):
    tiny.locator("select.pick").select_option(label="model-int8-full.tflite")
    tab_to(tiny, ".changed .kinds")
    tab_to(tiny, ".changed .more")
    keys.press("Enter")
    assert tiny.locator("figure.flip").count() == 120
    place = "Array.from(document.querySelectorAll('figure.flip')).indexOf(document.activeElement)"
    assert tiny.evaluate(place) == 60


def test_the_colours_are_changed_by_key(tiny, keys):
    tab_to(tiny, "#theme")
    before = tiny.locator("#theme").inner_text()
    keys.press("Enter")
    assert tiny.locator("#theme").inner_text() != before

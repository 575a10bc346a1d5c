"""Light and dark: by the system, by the button, and text that stands out from its ground in both."""

from __future__ import annotations

import pytest

LEAST_CONTRAST = 4.5
"""Level AA of the W3C's guidelines for text (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""

MEASURE = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (...colours) => {
    for (const colour of ["white", ...colours]) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return Array.from(context.getImageData(0, 0, 1, 1).data.slice(0, 3));
  };
  const luminance = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const colour = (element) => getComputedStyle(element)[element.closest("svg") ? "fill" : "color"];
  const found = {};
  for (const element of document.querySelectorAll("body *")) {
    const own = Array.from(element.childNodes, (node) => (node.nodeType === 3 ? node.data : "")).join("");
    if (!/[\\p{L}\\p{N}]/u.test(own)) continue; // no text, or a mark
    if (!element.checkVisibility() || element.matches("svg title")) continue;
    const grounds = [];
    for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const [dim, bright] = [paint(...grounds), paint(...grounds, colour(element))]
      .map(luminance).sort((a, b) => a - b);
    const name = `${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 30)}`;
    found[name] = Math.min(found[name] ?? 99, (bright + 0.05) / (dim + 0.05));
  }
  return found;
}"""


def paper(page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(show, tiny_page, scheme):
    page = show(tiny_page, color_scheme=scheme)
    page.locator("select.pick").select_option(label="model-int8-full.tflite")
    page.get_by_label("difference to the original").check()
    picked = page.evaluate(MEASURE)
    page.locator("select.pick").select_option(label="all")
    found = {**page.evaluate(MEASURE), **picked}
    assert len(found) > 100
    assert {name: ratio for name, ratio in found.items() if ratio < LEAST_CONTRAST} == {}


def test_the_system_decides_and_the_button_overrules_it(show, tiny_page):
    page = show(tiny_page, color_scheme="light")
    light, button = paper(page), page.locator("#theme")
    assert button.inner_text() == "Dark"
    page.emulate_media(color_scheme="dark")
    dark = paper(page)
    assert dark != light
    assert button.inner_text() == "Light"
    button.click()
    assert paper(page) == light
    assert button.inner_text() == "Dark"
    button.click()
    page.emulate_media(color_scheme="light")
    assert paper(page) == dark


def test_what_the_button_said_is_remembered(show, tiny_page):
    page = show(tiny_page, color_scheme="light")
    page.locator("#theme").click()
    dark = paper(page)
    page.reload()
    assert paper(page) == dark
    assert page.locator("#theme").inner_text() == "Light"


def test_a_browser_that_gives_files_no_storage_shows_the_page_all_the_same(show, tiny_page):
    page = show(tiny_page)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied'); } })"
    )
    page.reload()
    before = paper(page)
    page.locator("#theme").click()
    assert paper(page) != before
    assert page.locator("figure.flip").count() > 0

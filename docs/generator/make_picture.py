"""The README's picture of the report: `python docs/generator/make_picture.py RUN`, which needs Chromium."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import which

from playwright.sync_api import sync_playwright

_PICTURE = Path(__file__).parents[1] / "images" / "report.png"
_WIDTH, _HEIGHT, _SCALE = 1180, 1500, 1.5
_SECTIONS = 3
"""The decision, the artifacts and the chart of both."""


def main(run: Path) -> None:
    """Take a picture of the first sections of a run's report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": _WIDTH, "height": _HEIGHT}, device_scale_factor=_SCALE, color_scheme="light"
        )
        page.goto((run / "report.html").resolve().as_uri())
        rest = page.locator("article > section").nth(_SECTIONS).bounding_box()
        assert rest is not None  # a section of a whole run
        page.screenshot(path=_PICTURE, clip={"x": 0, "y": 0, "width": _WIDTH, "height": rest["y"]})
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

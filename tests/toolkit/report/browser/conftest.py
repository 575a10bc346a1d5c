"""Chromium, with no network, and pages in it that may not complain."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import run_fmnist

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",  # root of a container has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is here: apt-get install chromium")
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed here")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, headless=True, args=list(_QUIET))
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Any, path: Path, **options: Any) -> Iterator[Any]:
    """A page in a browser context of its own; that it complained of anything, or fetched it, is an error.

    Args:
        browser: What opens it.
        path: The file.
        options: Of the context, such as ``viewport``.
    """
    complaints: list[str] = []
    context = browser.new_context(offline=True, **options)
    context.set_default_timeout(5_000)
    context.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning", "assert") else None
        ),
    )
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "data:"))
            else complaints.append(f"fetched {request.url}")
        ),
    )
    page = context.new_page()
    page.goto(path.as_uri())
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def show(browser) -> Iterator[Callable[..., Any]]:
    """Open a file; arguments as of `opened`, which looks at the complaints when the test is over."""
    with ExitStack() as stack:
        yield lambda path, **options: stack.enter_context(opened(browser, path, **options))


def report(folder: Path, *arguments: object, **environment: str | None) -> Path:
    result = run_fmnist(folder, "report", *arguments, "--out", "page.html", environment=environment)
    assert result.returncode == 0, result.stderr
    return folder / "page.html"


@pytest.fixture(scope="session")
def tiny_page(tiny_run, tmp_path_factory) -> Path:
    """The report of the tiny run."""
    return report(tmp_path_factory.mktemp("page"), tiny_run)


@pytest.fixture(scope="session")
def two_page(tiny_run, tmp_path_factory) -> Path:
    """The report of two runs: the tiny one, and the same under another name."""
    folder = tmp_path_factory.mktemp("two")
    return report(folder, tiny_run, shutil.copytree(tiny_run, folder / "other"))


@pytest.fixture(scope="session")
def page_without_images(tiny_run, tmp_path_factory) -> Path:
    """The report of the tiny run where its data set is not found."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "empty").mkdir()
    return report(folder, tiny_run, "--data-dir", "empty")


@pytest.fixture
def tiny(show, tiny_page) -> Any:
    """The report of the tiny run, opened."""
    return show(tiny_page)

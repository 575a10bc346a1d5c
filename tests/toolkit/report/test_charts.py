"""Charts in the page: each in its section, with the figures of the results, or what makes them."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support import run_fmnist

SECTIONS = {
    "tradeoff-0": "Accuracy, time and size",
    "training-0": "Training",
    "drift-0": "Drift by class",
    "reliability-0": "Reliability",
    "latency-0": "Times of calls",
}


class Page(HTMLParser):
    """Every start tag with its attributes, and what is written in each section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.written: dict[str, str] = {}
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "section":
            self._section = attributes.get("aria-labelledby") or ""

    def handle_data(self, data: str) -> None:
        self.written[self._section] = self.written.get(self._section, "") + data

    def text(self, section: str) -> str:
        return " ".join(self.written[section].split())


def report(run: Path) -> str:
    result = run_fmnist(run.parent, "report", run, "--force")
    assert result.returncode == 0, result.stderr
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(tiny_run, tmp_path_factory) -> str:
    return report(Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("page") / "tiny")))


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


@pytest.fixture
def bare(tmp_path, tiny_run) -> Path:
    """The run before anything was measured."""
    run = Path(shutil.copytree(tiny_run, tmp_path / "bare"))
    for verb in ("eval", "parity", "bench"):
        (run / f"{verb}.json").unlink()
    return run


def test_every_section_has_its_heading_and_no_gap(page):
    for section, heading in SECTIONS.items():
        assert page.text(section).startswith(heading)
        assert "creates the missing result" not in page.text(section)


def test_the_heat_table_has_the_numbers_of_the_json(page, tiny_run):
    candidates = json.loads((tiny_run / "parity.json").read_text())["candidates"]
    told = [
        f"{entry['worse']} worse, {entry['better']} better of 1,000 images"
        for entries in zip(*(each["changes"]["classes"] for each in candidates), strict=True)
        for entry in entries
    ]
    cells = [
        attributes
        for tag, attributes in page.tags
        if tag == "td" and "worse" in (attributes.get("title") or "")
    ]
    assert [cell["title"] for cell in cells] == told
    assert [cell["data-model"] for cell in cells[: len(candidates)]] == [
        str(number + 1) for number in range(len(candidates))
    ]


def test_the_numbers_behind_the_charts_are_written_too(page, tiny_run):
    for epoch in json.loads((tiny_run / "train.json").read_text())["epochs"]:
        row = f"{epoch['epoch']}{100 * epoch['accuracy']:.2f}%{100 * epoch['val_accuracy']:.2f}%"
        assert f"{row}{epoch['loss']:.4f}{epoch['val_loss']:.4f}" in page.text("training-0")
    for model in json.loads((tiny_run / "bench.json").read_text())["models"]:
        assert f"{model['name']} is {model['verdict']}: {'; '.join(model['reasons'])}." in page.text(
            "latency-0"
        )
        assert f"{model['calls']:,}" in page.text("latency-0")


def test_charts_need_nothing_that_the_page_forbids_itself(page, html):
    assert not [tag for tag, attributes in page.tags if "style" in attributes]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert ".heat .depth-4" in html


def test_charts_are_small(html):
    charts = re.findall("<svg.*?</svg>", html, re.DOTALL)
    assert len(charts) == 1 + 2 + 6 + 1
    assert sum(map(len, charts)) < 150_000


def test_what_was_not_measured_has_the_command_that_does(bare):
    page = Page(report(bare))
    for section, verb in (
        ("tradeoff", "bench"),
        ("drift", "parity"),
        ("reliability", "parity"),
        ("latency", "bench"),
    ):
        command = f"fmnist {verb} {bare} --json {bare / verb}.json creates the missing result."
        assert page.text(f"{section}-0").endswith(command)
    assert sum(tag == "svg" for tag, _ in page.tags) == 2  # of the training


def test_a_trade_off_of_which_the_times_are_known_needs_the_accuracies(bare, tiny_run):
    shutil.copy(tiny_run / "bench.json", bare)
    command = f"fmnist eval {bare} --json {bare / 'eval'}.json creates the missing result."
    assert Page(report(bare)).text("tradeoff-0").endswith(command)


def test_a_command_is_as_a_shell_takes_it(bare):
    run = bare.rename(bare.parent / "my run")
    page = Page(report(run))
    assert page.text("drift-0").endswith(
        f"fmnist parity '{run}' --json '{run}/parity.json' creates the missing result."
    )


def test_before_an_export_that_comes_first(bare):
    shutil.rmtree(bare / "export")
    page = Page(report(bare))
    for section in ("tradeoff", "drift", "reliability", "latency"):
        assert f"fmnist export {bare} --format all --quantize all must run first" in page.text(f"{section}-0")

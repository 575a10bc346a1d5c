"""What CONTRIBUTING promises is what the modules offer, and all that the documentation uses."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from support import ROOT
from support.documents import blocks, pages

ROW = re.compile(r"^\| `(fmnist_runtime[a-z_.]*)` \| (`.*`) \|$", re.MULTILINE)
IMPORT = re.compile(r"^\s*from (fmnist_runtime[a-z_.]*) import (.+)$", re.MULTILINE)
PROMISED = {
    module: re.findall(r"`(\w+)`", names)
    for module, names in ROW.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
}
EXTENDING = {"add-a-format.md"}
"""Pages on extending the packages themselves, which use more than what is promised."""


def test_there_is_a_promise():
    assert "load" in PROMISED["fmnist_runtime"]


@pytest.mark.parametrize("module", PROMISED)
def test_a_module_offers_what_is_promised(module):
    offered = import_module(module)
    assert sorted(offered.__all__) == PROMISED[module]
    assert all(hasattr(offered, name) for name in offered.__all__)


@pytest.mark.parametrize("page", [page for page in pages() if page.name not in EXTENDING], ids=str)
def test_a_page_uses_nothing_else(page):
    code = "\n".join(
        block.text for block in blocks(page.read_text(encoding="utf-8")) if block.language == "python"
    )
    for module, names in IMPORT.findall(code):
        assert set(re.findall(r"\w+", names)) <= set(PROMISED.get(module, [])), module
    assert set(re.findall(r"\bfmnist_runtime\.([a-z]+)\(", code)) <= set(PROMISED["fmnist_runtime"])

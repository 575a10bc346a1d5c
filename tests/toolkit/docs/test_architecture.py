"""The architecture page shows the layers that the linter checks, and names files that exist."""

from __future__ import annotations

import re
import tomllib

from support import ROOT
from support.documents import DOCS

PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")


def test_the_folders_of_the_toolkit_are_drawn_in_the_order_that_the_linter_checks():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == ["fmnist"]]
    picture = PAGE.partition("## The folders of the toolkit")[2].split("```")[1]
    drawn = [re.split("  +", line)[0] for line in picture.splitlines()[1:]]
    assert drawn == [layer for layer in layers if not re.fullmatch(r"__main__|\(.*\)", layer)]


def test_the_files_that_it_names_are_there():
    """A name in a table may stand for a file in the folder named before it; ``/`` ends a folder."""
    words = re.findall(r"\b[\w/]+(?:\.py\b|/(?=\s|,))", PAGE)
    names = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}
    missing = [word for word in words if not any(f"/{word}" in f"/{name}" for name in names)]
    assert not missing

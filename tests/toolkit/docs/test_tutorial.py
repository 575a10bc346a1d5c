"""Run the whole tutorial. It has a file of its own so that it runs in parallel with the other pages."""

from __future__ import annotations

from support.documents import DOCS
from walkthrough import Walkthrough, check


def test_the_tutorial_does_what_it_says(tmp_path, given):
    walkthrough = Walkthrough(tmp_path / "tutorial")
    walkthrough.walk((DOCS / "tutorial.md").read_text(encoding="utf-8"), check, given)
    made = {path.name for path in walkthrough.folder.rglob("*.svg")}
    assert made == {
        *("garments.svg", "history.svg", "predictions.svg", "mistakes.svg", "confusion.svg", "weights.svg")
    }

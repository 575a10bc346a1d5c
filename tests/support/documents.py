"""Read Markdown for the tests: fenced blocks with their remarks, headings, and links.

A comment before a block holds a remark for the tests, which GitHub does not show:

- ``<!-- exit: 3 -->``: the last command exits with that code.
- ``<!-- file: shapes.py -->``: the block is the content of that file.
- ``<!-- given -->``: the commands are the same on several pages, and run once for all of them.
- ``<!-- not run: REASON -->``: the block cannot run in a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import ROOT

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REMARK = re.compile(r"<!-- (exit|file|given|not run)(?:: ([^\n]*?))? -->\s*$")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
_LINKS = (
    re.compile(r"\]\(<?([^()\s>]+)>?(?: \"[^\"]*\")?\)"),  # [text](target) and ![text](target)
    re.compile(r"^\[[^\]]+\]: +(\S+)", re.MULTILINE),
    re.compile(r"<(https?:[^>]*)>"),
    re.compile(r"<(?:a|img|source)\b[^>]*?(?:href|src|srcset)=\"([^\"]*)\""),
)


@dataclass(frozen=True)
class Step:
    """A command of a console block, and the output on the page."""

    command: str
    shown: tuple[str, ...]
    """Lines; ``[...]`` stands for any number of other lines. Empty if the page shows no output."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    start: int
    """Offset of its text in the page."""
    remark: str
    """``exit``, ``file``, ``given``, ``not run``, or empty."""
    said: str
    """The text after the remark's colon."""

    @property
    def steps(self) -> list[Step]:
        """The commands of a console block: lines after ``$``, continued after a backslash."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        found = [re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)", part, re.DOTALL) for part in parts]
        return [Step(match[1], tuple(match[2].rstrip().splitlines())) for match in found if match]


def pages() -> list[Path]:
    """Return every hand-written page."""
    return sorted(page for page in DOCS.rglob("*.md") if DOCS / "reference" not in page.parents)


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return list(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    for match in _FENCE.finditer(text):
        remark = _REMARK.search(text, 0, match.start())
        kind, said = (remark[1], remark[2] or "") if remark else ("", "")
        yield Block(match[1], match[2], match.start(2), kind, said)


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """Return the targets of ``#`` in a page: GitHub's anchors of its headings, and HTML anchors."""
    found: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for heading in _HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        again = (f"{name}-{number}" for number in range(1, len(found) + 2))
        found.add(next(free for free in (name, *again) if free not in found))
    return found


def links(text: str) -> list[str]:
    """Return the targets of a page's links and pictures, except in code."""
    plain = re.sub(r"`[^`\n]*`", "``", prose(text))
    return [target for pattern in _LINKS for target in pattern.findall(plain)]

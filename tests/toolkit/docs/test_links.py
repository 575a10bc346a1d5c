"""Links in the documentation have a target. For other servers, only the form of the address is checked."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest
from support import ROOT
from support.documents import DOCS, anchors, links

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / folder / "README.md" for folder in ("runtime", "data")),
        *DOCS.rglob("*.md"),
    ]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    wrong = [target for target in links(page.read_text(encoding="utf-8")) if not leads(page, target)]
    assert not wrong, f"{page.relative_to(ROOT)}: lead nowhere: {', '.join(wrong)}"


def leads(page, target):
    if re.match(r"[a-z]+:", target):
        address = urlsplit(target)
        return address.scheme == "https" and re.fullmatch(r"[\w-]+(\.[\w-]+)+", address.netloc) is not None
    path, _, anchor = target.partition("#")
    file = (page.parent / unquote(path)).resolve() if path else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not anchor or (file.suffix == ".md" and anchor in anchors(file.read_text(encoding="utf-8")))


def test_every_page_is_in_the_index():
    index = DOCS / "README.md"
    listed = {(DOCS / target).resolve() for target in links(index.read_text(encoding="utf-8"))}
    assert set(DOCS.rglob("*.md")) - {index} <= listed


def test_anchors_are_those_of_github():
    text = "# A `b` & *c*: d?\n## Same\n## Same\n### [One](x.md), 2–3\n```console\n# no heading\n```\n"
    assert anchors(text) == {"a-b--c-d", "same", "same-1", "one-23"}


def test_links_are_found_but_not_in_code():
    text = (
        '[a](b.md) ![c](d.png "e") [f](<g.md>) <https://h.org> <img alt="" src="i.png">\n'
        "[j]: https://k.org\n`[no](l.md)`\n```text\n[no](m.md)\n```\n"
    )
    assert sorted(links(text)) == ["b.md", "d.png", "g.md", "https://h.org", "https://k.org", "i.png"]


@pytest.mark.parametrize(
    "target", ["nowhere.md", "README.md#no-such-heading", "http://example.org", "https:///x"]
)
def test_a_link_that_leads_nowhere_is_found(target):
    assert not leads(DOCS / "README.md", target)

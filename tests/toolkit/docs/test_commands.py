"""The commands on the pages work and print what the pages show. The tutorial has a test file of its own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support import ROOT
from support.documents import DOCS, Block, blocks, pages, prose
from typer.main import get_command
from walkthrough import Walkthrough, align, check

from fmnist.cli.main import app

NOT_RUN = {
    "deploy-to-a-pi.md": ["it needs a host", "on the Pi"],
    "microcontroller.md": ["it installs packages of the system"],
    "own-images.md": ["it needs a camera"],
    "tutorial.md": ["it installs TensorFlow, which takes minutes"],
}
"""Blocks that are not run, because a test lacks what they need."""


def read(page):
    return page.read_text(encoding="utf-8")


def named(page):
    return str(page.relative_to(DOCS).with_suffix(""))


@pytest.mark.parametrize("page", [p for p in pages() if p.name != "tutorial.md"], ids=named)
def test_a_page_does_what_it_says(page, tmp_path, given):
    Walkthrough(tmp_path / "page").walk(read(page), check, given)


def test_only_what_cannot_run_is_left_out():
    found = {
        page.name: [block.said for block in blocks(read(page)) if block.remark == "not run"]
        for page in pages()
    }
    assert {name: reasons for name, reasons in found.items() if reasons} == NOT_RUN


def test_every_command_and_option_in_them_exists():
    """Also in tables, sentences, YAML, and blocks that are not run."""
    top = get_command(app)
    for page in pages():
        for written in re.findall(r"(?:`|^ *\$ |\| |run: )fmnist ([^`|&#\n]*)", read(page), re.MULTILINE):
            command, words = top, written.split()
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            known = {option for parameter in command.params for option in parameter.opts}
            assert set(re.findall(r"(?<!\S)--[a-z-]+", written)) <= known | {"--help"}, f"{page}: {written}"
            assert command is not top or not words or words[0].startswith("-"), f"{page}: {written}"


def test_what_is_yaml_can_be_read():
    yaml = pytest.importorskip("yaml")
    written = [block for page in pages() for block in blocks(read(page)) if block.language == "yaml"]
    assert written
    for block in written:
        assert isinstance(yaml.safe_load(block.text), dict)


def test_fences_are_all_of_a_known_kind():
    """A block of an unknown kind would be a command that no test runs."""
    for page in pages():
        assert "```" not in prose(read(page)), page
        assert {block.language for block in blocks(read(page))} <= {
            "c",
            "cmake",
            "console",
            "json",
            "mermaid",
            "python",
            "text",
            "yaml",
        }, page


@pytest.mark.parametrize(
    ("shown", "came", "aligned"),
    [
        (["a 1", "b"], ["a 27", "b"], ["a 27", "b"]),
        (["p50  3.1 µs  STABLE"], ["p50 12.25 µs NOISY"], ["p50 12.25 µs NOISY"]),
        (["───  ─", "x  -"], ["─────  ───", "x 5"], ["─────  ───", "x 5"]),
        (["a", "[...]", "z 1"], ["a", "b", "c", "z 2"], ["a", "[...]", "z 2"]),
        (["a", "[...]"], ["a"], ["a", "[...]"]),
        (["a [...] z 1"], ["a b c z 2"], ["a [...] z 1"]),
        (["[...]", "z"], ["a", "b"], None),
        (["a"], ["a", "b"], None),
        (["pass"], ["FAIL"], None),
        (["model-int8.tflite"], ["model-float32.tflite"], None),
    ],
)
def test_what_is_shown_is_held_against_what_came(shown, came, aligned):
    assert align(tuple(shown), came) == aligned


def test_a_page_that_is_wrong_is_found(tmp_path, given):
    def walk(name: str, text: str) -> None:
        Walkthrough(tmp_path / name).walk(text, check, given)

    walk(
        "right",
        "```console\n$ echo 1\n2\n$ false || true\n```\n<!-- exit: 3 -->\n\n```console\n$ exit 3\n```\n",
    )
    for name, text in {
        "exit code": "```console\n$ exit 3\n```\n",
        "no failure": "<!-- exit: 3 -->\n\n```console\n$ true\n```\n",
        "output": "```console\n$ echo a\nb\n```\n",
        "code": "```python\nassert False\n```\n",
        "no command": "```console\npi:~ $ ls\n```\n",
    }.items():
        with pytest.raises(AssertionError):
            walk(name, text)


def test_blocks_are_read_with_what_is_said_of_them():
    text = "<!-- file: a.py -->\n\n```python\nx\n```\n\n```console\n$ a \\\n    b\n1\n\n2\n$ c\n```\n"
    one, other = blocks(text)
    assert one == Block("python", "x\n", text.index("x\n"), "file", "a.py")
    assert (other.remark, [step.command for step in other.steps]) == ("", ["a \\\n    b", "c"])
    assert [step.shown for step in other.steps] == [("1", "", "2"), ()]


def test_what_a_page_shows_can_be_made_anew(tmp_path):
    """Omitted lines stay omitted; where the page shows something else, the whole output replaces it."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ seq 3; echo end\n7\n[...]\nend\n$ echo x\ny\n$ echo silent\n```\n")
    command = [sys.executable, ROOT / "tests" / "walkthrough.py", page]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert page.read_text() == (
        "```console\n$ seq 3; echo end\n1\n[...]\nend\n$ echo x\nx\n$ echo silent\n```\n"
    )
    assert result.stdout == f"{page}: shows something else of: echo x\n"

"""Help opens without anything heavy, and says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from fmnist.cli.main import app
from fmnist_exporters.recipes import formats, schemes

HEAVY = {
    "tensorflow",
    "keras",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai_edge_litert",
    "PIL",
    "markupsafe",
    "numpy",
}
GROUPS = get_command(app).commands
NESTED = [(group, name) for group in ("data", "plot") for name in GROUPS[group].commands]
VERBS = [[name] for name in GROUPS] + [list(path) for path in NESTED]
COMMANDS = [*GROUPS.values(), *(GROUPS[group].commands[name] for group, name in NESTED)]

RUN = """
import sys
sys.argv = ["fmnist", *{arguments!r}, "--help"]
from fmnist.cli.main import main
try:
    main()
finally:
    print(sorted({heavy!r} & set(sys.modules)))
"""


def help_of(*arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", RUN.format(arguments=arguments, heavy=HEAVY)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("verb", [[], *VERBS], ids=" ".join)
def test_help_opens_without_anything_heavy(verb):
    text = help_of(*verb)
    assert text.startswith("Usage: ")
    assert text.endswith("[]\n")


def test_help_names_every_verb():
    text = help_of()
    assert all(f"\n  {verb} " in text for verb in GROUPS)


def test_help_of_export_names_every_format_and_scheme():
    words = re.findall(r"[\w-]+", help_of("export"))
    assert set(formats()) | set(schemes()) | {"none", "all"} <= set(words)


def test_every_verb_and_option_is_explained():
    for command in COMMANDS:
        assert command.help
        assert all(parameter.help for parameter in command.params), command.name


def test_no_first_sentence_is_cut_where_verbs_are_listed():
    """By the help above them, or by a shell that completes them, which shows 45 characters."""
    for command in (*GROUPS.values(), *COMMANDS):
        assert not command.get_short_help_str().endswith("..."), command.help

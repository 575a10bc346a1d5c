"""A shell completes verbs, options and their words, and files where a path is wanted."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from typing import get_args

import pytest
from typer.main import get_command

from fmnist.cli.main import app
from fmnist.cli.options import DATASETS, FORMATS, SCHEMES
from fmnist.devices.targets import BOARDS, PYTHONS, Platform
from fmnist.runs.settings import PRESETS
from fmnist_exporters.recipes import formats, schemes
from fmnist_runtime.data.datasets import KNOWN

VERBS = list(get_command(app).commands)
ENGINES = ["auto", "tflite", "onnxruntime", "numpy", "tflm", "native", "null"]
SHELLS = ["bash", "zsh", "fish"]
LOADED = """
import sys
from fmnist.cli.main import main
try:
    main()
finally:
    heavy = {"numpy", "rich", "tensorflow", "onnxruntime", "ai_edge_litert", "fmnist_runtime"}
    print(sorted(name for name in heavy if sys.modules.get(name)))  # Rich is barred by a None
"""


def asked_by(shell, words):
    """What a shell sets when Tab is pressed at the end of the last word."""
    line = " ".join(["fmnist", *words])
    asked = {
        "bash": {"COMP_WORDS": "\n".join(["fmnist", *words]), "COMP_CWORD": str(len(words))},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    return {"_FMNIST_COMPLETE": f"complete_{shell}", **asked[shell]}


@pytest.fixture
def complete(fmnist):
    """The words that a shell is given."""

    def run(*words, shell="bash"):
        result = fmnist(environment=asked_by(shell, words))
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout.split()

    return run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([""], VERBS),
        (["exp"], ["export"]),
        (["--debug", "ver"], ["verify"]),
        (["--version", "exp"], ["export"]),
        (["plot", ""], ["history", "predictions", "weights", "confusion"]),
        (["data", ""], ["list", "verify", "fetch", "show"]),
        (["-"], ["--version", "--debug", "--install-completion", "--show-completion", "--help"]),
        (["eval", "--th"], ["--threads"]),
        (["eval", "m.tflite", "--debug", "--js"], ["--json"]),
        (["export", "--format", ""], [*formats(), "all"]),
        (["deploy", "--host", "pi", "--format", "o"], ["onnx"]),
        (["export", "--quantize", "int"], ["int8", "int8-full"]),
        (["eval", "--engine", ""], ENGINES),
        (["bench", "--engine", "auto", "--engine", "n"], ["numpy", "native", "null"]),
        (["bench", "--scenario", "c"], ["cold-start"]),
        (["parity", "--input-range", "0"], ["0-255", "0-1"]),
        (["predict", "m.tflite", "i.png", "--as", ""], ["table", "csv", "jsonl"]),
        (["bundle", "--target", ""], list(BOARDS)),
        (["bundle", "--python", ""], list(PYTHONS)),
        (["bundle", "--platform", ""], list(get_args(Platform))),
        (["run", "--preset", ""], list(PRESETS)),
        (["train", "--dataset", ""], list(KNOWN)),
        (["eval", "--dataset", "m"], ["mnist"]),
        (["data", "show", "--dataset", "f"], ["fashion-mnist"]),
        (["data", "fetch", ""], list(KNOWN)),
        (["data", "verify", "mnist", "fa"], ["fashion-mnist"]),
    ],
    ids=" ".join,
)
def test_words(complete, words, expected):
    assert complete(*words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["eval", ""],
        ["predict", "m.tflite", "photos/"],
        ["bench", "--json", ""],
        ["export", "--out", "ex"],
        ["eval", "--dataset", "./my"],
        ["parity", "--scores", "a.npz", ""],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("shell", SHELLS)
def test_paths_are_left_to_the_shell(complete, words, shell):
    """Bash and fish complete files where they are given nothing; zsh is told to."""
    assert complete(*words, shell=shell) == (["_files"] if shell == "zsh" else [])


def test_words_with_their_explanation(fmnist):
    def said(shell):
        return fmnist(environment=asked_by(shell, ["exp"])).stdout

    assert said("zsh") == '_arguments \'*: :(("export":"Convert a trained model for a device."))\'\n'
    assert said("fish") == "export\tConvert a trained model for a device.\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "words",
    [
        [""],
        ["eval", "--json", "mine.txt", "--th"],
        ["eval", "--scores", "mine.txt", "--th"],
        ["export", "--format", ""],
        ["run", "--dataset", ""],
        ["--version", "e"],
    ],
    ids=" ".join,
)
def test_it_is_as_quick_as_help(shell, words, tmp_path):
    """Nothing heavy is loaded, and no file is checked, of which one here could not be a result."""
    (tmp_path / "mine.txt").write_text("mine")
    result = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=tmp_path,
        env={**os.environ, **asked_by(shell, words)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    said, loaded = result.stdout.rstrip("\n").rsplit("\n", 1)
    assert said
    assert loaded == "[]"


def test_the_words_are_those_of_the_tables():
    assert (*formats(), "all") == FORMATS
    assert {*schemes(), "none", "all"} - {"float32"} == set(SCHEMES)  # none is float32
    assert tuple(KNOWN) == DATASETS


@pytest.fixture
def home(tmp_path):
    """A home folder where completion was installed, by a bash that then stays as it was."""
    program = tmp_path / "bin" / "fmnist"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fmnist "$@"\n')
    program.chmod(0o755)
    result = in_bash("fmnist --install-completion; true", tmp_path)
    assert result.stdout.splitlines()[0].startswith("bash completion installed in ")
    return tmp_path


def variables(home):
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "HOME": str(home), "PATH": path, "PS1": "> ", "INPUTRC": os.devnull, "TERM": "dumb"}


def in_bash(script, home):
    return subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=home,
        env=variables(home),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bash_that_starts_after_installing(home):
    asked = 'COMP_WORDS=(fmnist "$@"); COMP_CWORD=$#; _fmnist_completion fmnist; echo "${COMPREPLY[@]}"'
    script = (
        f"source ~/.bashrc; ask() {{ {asked}; }}; ask exp; ask export --quantize dy; ask export --format ="
    )
    result = in_bash(script, home)
    assert result.stdout.splitlines() == ["export", "dynamic", "tflite onnx npz c all"]
    assert result.stderr == ""


def test_tab_in_a_bash(home):
    """Word, option, its word, and a folder, one after the other, as they come to the screen."""
    (home / "runs").mkdir()
    screen, terminal = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--rcfile", home / ".bashrc", "-i"],
        cwd=home,
        env=variables(home),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""
    for typed, shown in (
        (b"fmnist exp\t", b"fmnist export "),
        (b"--qu\t", b"--quantize "),
        (b"dy\t", b"dynamic "),
        (b"ru\t", b"runs/"),
    ):
        os.write(screen, typed)
        while not seen.endswith(shown):
            assert select.select([screen], [], [], 60)[0], seen  # else it would wait for ever
            seen += os.read(screen, 1000)
    os.write(screen, b"\x15exit\n")
    shell.wait()
    os.close(screen)


def test_it_is_installed_once_and_shown_without_colours(home):
    line = "source '{}'".format(home / ".bash_completions" / "fmnist.sh")
    in_bash("fmnist --install-completion; true", home)
    assert (home / ".bashrc").read_text().split("\n").count(line) == 1
    shown = in_bash("fmnist --show-completion; true", home)
    assert shown.stdout.rstrip("\n") == (home / ".bash_completions" / "fmnist.sh").read_text().rstrip("\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_by_name(fmnist, shell):
    """What to put into a package, or on a machine whose shell is not found out."""
    result = fmnist(environment={"_FMNIST_COMPLETE": f"source_{shell}"})
    assert (result.returncode, result.stderr) == (0, "")
    assert f"_FMNIST_COMPLETE=complete_{shell}" in result.stdout

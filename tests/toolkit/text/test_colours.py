"""Verdicts have a colour on a terminal that shows colours, and nothing has one anywhere else."""

from __future__ import annotations

import json
import subprocess

import pytest
from support import run_on_a_terminal

from fmnist.text.colours import paint_outcome, paint_tables
from fmnist.text.tables import table

GREEN, YELLOW, RED, BOLD, RESET = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


@pytest.fixture
def artifacts(tiny, tmp_path):
    """Two that are as they were made."""
    return [
        (tiny / "export" / f"model-{scheme}.tflite").relative_to(tmp_path) for scheme in ("float32", "int8")
    ]


def test_the_bytes_of_a_table_on_a_terminal(artifacts, fmnist, tmp_path):
    header, rule, row = fmnist("verify", artifacts[0]).stdout.splitlines()
    assert row.startswith("model-float32.tflite  verified  ")
    code, text = run_on_a_terminal(tmp_path, "verify", artifacts[0])
    assert code == 0
    assert text.split("\r\n") == [
        f"{BOLD}{header}{RESET}",
        rule,
        f"model-float32.tflite  {GREEN}verified{RESET}{row[len('model-float32.tflite  verified') :]}",
        "",
    ]


def test_without_its_codes_it_is_what_a_pipe_gets(artifacts, fmnist, tmp_path):
    piped = fmnist("verify", *artifacts, environment={"NO_COLOR": None, "TERM": "xterm"}).stdout
    _, text = run_on_a_terminal(tmp_path, "verify", *artifacts)
    for code in (GREEN, BOLD, RESET):
        text = text.replace(code, "")
    assert text.replace("\r\n", "\n") == piped
    assert "\x1b" not in piped


@pytest.mark.parametrize("refusal", [{"NO_COLOR": "1"}, {"NO_COLOR": "false"}, {"TERM": "dumb"}])
def test_whoever_wants_no_colours_gets_none(artifacts, fmnist, tmp_path, refusal):
    code, text = run_on_a_terminal(tmp_path, "verify", artifacts[0], environment=refusal)
    assert code == 0
    assert text.replace("\r\n", "\n") == fmnist("verify", artifacts[0]).stdout
    code, text = run_on_a_terminal(tmp_path, "verify", "no.tflite", environment=refusal)
    assert code == 1
    assert text.startswith("fmnist: no.tflite: ")


def test_an_empty_no_color_is_none(artifacts, tmp_path):
    """As https://no-color.org has it: when present and not an empty string."""
    _, text = run_on_a_terminal(tmp_path, "verify", artifacts[0], environment={"NO_COLOR": ""})
    assert f"{GREEN}verified{RESET}" in text


def test_json_and_markdown_have_none_on_a_terminal_either(artifacts, tmp_path):
    _, text = run_on_a_terminal(tmp_path, "verify", artifacts[0], "--json", "-")
    assert json.loads(text)["artifacts"][0]["passed"]
    _, text = run_on_a_terminal(tmp_path, "parity", artifacts[0], "--markdown", "-")
    assert text.startswith("### Parity: each may replace it")
    assert "\x1b" not in text


def test_each_stream_is_looked_at_by_itself(tmp_path):
    code, text = run_on_a_terminal(tmp_path, "verify", "no.tflite", stdout=subprocess.DEVNULL)
    assert code == 1
    assert text.startswith(f"{RED}fmnist:{RESET} no.tflite: ")
    code, text = run_on_a_terminal(tmp_path, "data", "list", stderr=subprocess.DEVNULL)
    assert code == 0
    assert text.startswith(f"{BOLD}data set")


def test_every_reason_of_a_failed_verb_is_marked(tmp_path):
    code, text = run_on_a_terminal(tmp_path, "data", "verify", "no", "none")
    assert code == 1
    assert [line[: line.index(" ")] for line in text.splitlines()] == [f"{RED}fmnist:{RESET}"] * 2


@pytest.mark.parametrize(
    ("word", "colour"),
    [
        *((word, GREEN) for word in ("pass", "verified", "STABLE", "faster", "ok")),
        *((word, YELLOW) for word in ("NOISY", "DRIFTING", "THROTTLED", "cannot tell", "note")),
        *((word, RED) for word in ("FAIL", "failed", "DIFFERS", "slower", "problem")),
    ],
)
@pytest.mark.parametrize("left", [1, 2])
def test_a_verdict_stands_where_it_stood(word, colour, left):
    plain = table(["model", "verdict", "p50"], [["m", word, "1.5"], ["n", "-", "-"]], left)
    painted = paint_tables(plain).splitlines()
    assert painted[2] == plain.splitlines()[2].replace(word, f"{colour}{word}{RESET}")
    assert painted[3] == plain.splitlines()[3]
    assert painted[0] == f"{BOLD}{plain.splitlines()[0]}{RESET}"


@pytest.mark.parametrize("name", ["pass", "FAIL", "verdict", "─────", "a  pass  b", "\x1b[32mpass\x1b[0m"])
def test_no_name_is_taken_for_a_verdict(name):
    plain = table(["model", "verdict", "note"], [[name, "FAIL", name], ["b", "pass", name]], 3)
    first, second = paint_tables(plain).splitlines()[2:]
    assert first.replace(f"{RED}FAIL{RESET}", "FAIL") == plain.splitlines()[2]
    assert (first.count("\x1b"), second.count("\x1b")) == (2, 2)
    assert first.split()[-1] == plain.splitlines()[2].split()[-1]
    assert f"  {GREEN}pass{RESET}  " in second


def test_text_around_tables_is_left_alone():
    words = "pass\n\nverdict pass\nFAIL: m: 3% is more than 2%"
    assert paint_tables(words) == words
    both = table(["verdict"], [["pass"]]) + "\n\nFAIL"
    assert paint_tables(both).splitlines()[-1] == "FAIL"


def test_an_outcome_of_long_work_has_a_colour():
    assert paint_outcome("eval: done") == f"eval: {GREEN}done{RESET}"
    assert paint_outcome("pi@host: failed") == f"pi@host: {RED}failed{RESET}"
    for line in ("eval: kept", "run: runs/done", "done", "install", ""):
        assert paint_outcome(line) == line

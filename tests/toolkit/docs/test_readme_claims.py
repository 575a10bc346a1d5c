"""The figures in the README are the measured ones. Nothing is measured here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import date

import pytest
from support import ROOT

BENCHMARKS = ROOT / "benchmarks"
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))
SCRIPTS = sorted(p.stem for p in BENCHMARKS.glob("*.py") if "\n    conclude(" in p.read_text("utf-8"))


def readme_table(root, *arguments):
    return subprocess.run(
        [sys.executable, root / "benchmarks" / "readme_table.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the README and the benchmarks, to be changed."""
    shutil.copytree(BENCHMARKS, tmp_path / "benchmarks")
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "runtime").mkdir()
    shutil.copy(ROOT / "runtime" / "README.md", tmp_path / "runtime")
    return tmp_path


def test_the_tables_are_what_the_results_say():
    assert readme_table(ROOT, "--check").returncode == 0, "run: python benchmarks/readme_table.py"


def test_a_figure_that_was_edited_is_found_and_mended(copy):
    readme = copy / "README.md"
    text = readme.read_text("utf-8")
    readme.write_text(re.sub(r"(\| `fmnist train` \| )[\d.]+ s", r"\g<1>9.99 s", text), "utf-8")
    check = readme_table(copy, "--check")
    assert check.returncode == 1
    assert re.fullmatch(r"\S+: differs from the results; .*: \| `fmnist train` \| .*\n", check.stderr)
    assert readme_table(copy).returncode == 0
    assert readme.read_text("utf-8") == text


def test_a_new_result_makes_new_figures_and_a_new_date(copy):
    path = copy / "benchmarks" / "results" / "training.json"
    result = json.loads(path.read_text("utf-8"))
    for seed in result["ways"]["fmnist train"]:
        seed |= {"seconds": [9.0, 0.25, 0.25], "accuracy": 0.5}  # the first epoch does not count
    path.write_text(json.dumps({**result, "measured": "2031-05-06"}), "utf-8")
    assert readme_table(copy, "--check").returncode == 1
    assert readme_table(copy).returncode == 0
    text = (copy / "README.md").read_text("utf-8")
    assert "| `fmnist train` | 0.25 s | 50.00% |\n" in text
    assert "\nMeasured 2031-05-06: " in text


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_result_says_when_where_and_what_was_promised(path):
    result = json.loads(path.read_text("utf-8"))
    assert result["schema"] == f"fmnist.benchmark-{path.stem.replace('_', '-')}/1"
    assert result["environment"]["packages"]["numpy"]
    assert date.fromisoformat(result["measured"])
    assert result["claims"]
    for claim in result["claims"]:
        value, limit = claim["value"], claim["limit"]
        assert set(claim) == {"text", "value", "unit", "limit", "at_least", "held"}
        assert claim["held"] == (value >= limit if claim["at_least"] else value <= limit)
        assert claim["held"], claim["text"]


def test_every_script_has_its_result():
    assert [path.stem for path in RESULTS] == SCRIPTS


def test_make_bench_runs_them_all_and_names_those_that_fail(tmp_path):
    """In a folder whose Python logs the scripts, and fails for two of them."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$1" >> ran\ncase $1 in */help_start.py|*/runtime.py) exit 1;; esac\n')
    python.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt", ".venv/.installed"):
        (tmp_path / name).touch()
    result = subprocess.run(["make", "bench"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "make bench: failed, or broke a limit: help_start runtime\n" in result.stderr
    *ran, last = (tmp_path / "ran").read_text().split()
    assert sorted(ran) == [f"benchmarks/{name}.py" for name in SCRIPTS]
    assert last == "benchmarks/readme_table.py"

"""What `fmnist parity` leaves for a CI system and a pull request, and the limits one names there."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from support import TINY
from support.judging import judge

from fmnist_runtime import load
from fmnist_runtime.recorded import read_reference, write_reference

INT8 = TINY / "export" / "model-int8.tflite"
FLOAT32 = TINY / "export" / "model-float32.onnx"
HOSTILE = "a \"b\" 'c' <d> & |e| \\|f *g* __h__ `i` \x01\x1b[31m\n.tflite"
"""A name for which each format needs something else done."""
FLIPS = ("--max-confident-flips", 2)
"""Allows the answers that the reference below is sure of."""


@pytest.fixture
def reference(tmp_path, t10k) -> Path:
    """Of an original that answers as the int8 artifact, but is right and sure of two images it has wrong."""
    recorded = read_reference(TINY / "reference.npz")
    with load(INT8) as session:
        scores = session.scores(t10k.images)
    wrong = np.flatnonzero(scores.argmax(axis=1) != t10k.targets)[:2]
    scores[wrong] = np.eye(10, dtype=np.float32)[t10k.targets[wrong]]
    write_reference(tmp_path / "scores.npz", replace(recorded, scores=scores))
    return tmp_path / "scores.npz"


@pytest.fixture
def lost(t10k) -> list[int]:
    """Those two images."""
    with load(INT8) as session:
        answers = session.scores(t10k.images).argmax(axis=1)
    return np.flatnonzero(answers != t10k.targets)[:2].tolist()


def test_an_accuracy_that_is_missed_is_a_failed_test_of_its_own(tmp_path, reference):
    broken = judge(tmp_path, INT8, "--reference", reference, *FLIPS, "--min-accuracy", 0.99)
    assert broken.code == 3
    assert broken.failed == ["min-accuracy"]
    assert "points short of 99%; allow less with --min-accuracy 0.8" in broken.text


@pytest.mark.parametrize(
    ("option", "limit", "kept", "complaint"),
    [
        # The lower end of Tango's interval of 2 of 10,000 lost.
        (
            "--max-drop",
            0.05,
            0.1,
            "max-drop: accuracy is 0.02 points lower and may be 0.07 points lower, 0.023 beyond the 0.05 "
            "allowed; 10,000 images are too few to rule it out: take more, or allow more with "
            "--max-drop 0.08",
        ),
        (
            "--max-drop",
            0.01,
            0.1,
            "max-drop: accuracy is 0.02 points lower and may be 0.07 points lower, 0.063 beyond the 0.01 "
            "allowed; 10,000 images are too few for any model and can show at best 0.04 points: take 38,411 "
            "at least, or allow more with --max-drop 0.08",
        ),
        (
            "--min-agreement",
            0.9999,
            0.9998,
            "min-agreement: agreement is 99.98%, 0.01 points short of 99.99%; 10,000 images are too few to "
            "tell: take more, or allow less with --min-agreement 0.9998",
        ),
        (
            "--max-difference",
            0.25,
            1,
            "max-difference: a probability differs by {difference:.2g}, {beyond}; "
            "allow more with --max-difference {rounded}",
        ),
        (
            "--max-confident-flips",
            1,
            2,
            "max-confident-flips: 2 answers changed that the original gave at a margin of 0.5 or more, 1 "
            "beyond the 1 allowed: images {lost[0]}, {lost[1]}; allow more with --max-confident-flips 2",
        ),
    ],
)
def test_each_limit_trips_by_name_and_by_how_much(tmp_path, reference, lost, option, limit, kept, complaint):
    broken = judge(tmp_path, INT8, "--reference", reference, *FLIPS, option, limit)
    assert broken.code == 3
    assert broken.failed == [option.removeprefix("--")]
    difference = broken.entry["probabilities"]["max_difference"]
    beyond = f"{difference - 0.25:.2g} beyond the 0.25 allowed"
    rounded = f"{math.ceil(100 * difference) / 100:.2g}"
    expected = complaint.format(difference=difference, beyond=beyond, lost=lost, rounded=rounded)
    assert f"model-int8.tflite: {expected}\n" in broken.text
    [breach] = broken.entry["breaches"]
    assert breach["limit"] == pytest.approx(limit / 100 if option == "--max-drop" else limit, rel=1e-15)
    assert judge(tmp_path, INT8, "--reference", reference, *FLIPS, option, kept).code == 0


def test_all_limits_at_once(tmp_path, reference):
    limits = ("--max-drop", 0, "--min-agreement", 1, "--max-difference", 0, "--max-confident-flips", 0)
    judgement = judge(tmp_path, INT8, "--reference", reference, *limits)
    assert judgement.failed == ["max-drop", "min-agreement", "max-difference", "max-confident-flips"]


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--max-drop", ("-0.1", "100.1", "nan", "-nan", "inf", "half")),
        ("--min-agreement", ("-0.1", "1.1", "nan", "inf")),
        ("--max-difference", ("-1e-9", "1.1", "nan", "inf")),
        ("--max-confident-flips", ("-1", "1.5", "nan")),
    ],
)
def test_limits_that_are_none_are_wrong_usage(tmp_path, fmnist, option, values):
    for value in values:
        result = fmnist("parity", INT8, f"{option}={value}", "--json", "parity.json")
        assert (result.returncode, result.stdout) == (2, "")
        assert f"Invalid value for '{option}'" in result.stderr
        assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_junit_has_a_case_for_each_limit(tmp_path, reference):
    judgement = judge(
        tmp_path,
        *(INT8, FLOAT32, "--reference", reference, "--junit", "parity.xml"),
        *("--max-drop", 0, "--max-confident-flips", 0),
    )
    root = ElementTree.parse(tmp_path / "parity.xml").getroot()
    suites = {suite.get("name"): suite for suite in root.findall("testsuite")}
    assert list(suites) == ["model-int8.tflite", "model-float32.onnx"]
    limits = {name: [case.get("name") for case in suite] for name, suite in suites.items()}
    assert limits == {
        "model-int8.tflite": ["max-drop", "min-agreement", "max-confident-flips"],
        "model-float32.onnx": ["max-drop", "min-agreement", "max-difference", "max-confident-flips"],
    }
    for name, suite in suites.items():
        breaches = judgement.entries[name]["breaches"]
        failures = {case.get("name"): case.find("failure") for case in suite}
        assert {gate for gate, failure in failures.items() if failure is not None} == {
            breach["gate"] for breach in breaches
        }
        assert (suite.get("tests"), suite.get("failures")) == (str(len(limits[name])), str(len(breaches)))
        assert {case.get("classname") for case in suite} == {name}
        for breach in breaches:
            failure = failures[breach["gate"]]
            assert failure.get("message") == failure.text == f"{breach['gate']}: {breach['text']}"
    failed = [len(entry["breaches"]) for entry in judgement.entries.values()]
    assert failed[0] == 2
    assert failed[1] >= 2
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", str(sum(failed)), "0")


def cells(line: str) -> list[str]:
    """Of a row of a table in GitHub's Markdown (https://github.github.com/gfm/#tables-extension-)."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    return re.findall(r"((?:\\.|[^|\\])*)\|", line[1:])


def tables(text: str) -> list[list[list[str]]]:
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return [[cells(line) for line in block] for block in blocks if block[0].startswith("|")]


def test_markdown_is_tables_of_even_rows(tmp_path, reference):
    named = (INT8, FLOAT32, "--reference", reference, *FLIPS)
    judge(tmp_path, *named, "--min-agreement", 0.9999, "--markdown", "parity.md")
    text = (tmp_path / "parity.md").read_text()
    assert text.startswith(
        "### Parity: 2 of 2 may not replace it\n\nagainst model.keras on 10,000 test images"
    )
    found = tables(text)
    assert len(found) == 2
    for rows in found:
        assert {len(row) for row in rows} == {10}
        assert all(re.fullmatch(r" (:--|--:) ", cell) for cell in rows[1])
        assert [row[0] for row in rows[2:]] == [" model-int8.tflite ", " model-float32.onnx "]
    assert [row[2].strip() for row in found[0][2:]] == ["TOO FEW IMAGES", "FAIL"]
    assert "\n- model-int8.tflite: min-agreement: agreement is 99.98%, 0.01 points short of" in text
    judge(tmp_path, INT8, "--reference", reference, *FLIPS, "--markdown", "parity.md")
    assert (tmp_path / "parity.md").read_text().startswith("### Parity: each may replace it\n")


def test_no_name_of_a_file_breaks_a_report(tmp_path, fmnist, reference):
    shutil.copy(INT8, tmp_path / HOSTILE)
    named = ("parity", HOSTILE, "--reference", reference, *FLIPS, "--min-agreement", 1)
    result = fmnist(*named, "--json", "p.json", "--junit", "p.xml", "--markdown", "p.md")
    assert result.returncode == 3
    assert set(re.findall(r"[\x00-\x1f\x7f]", result.stdout)) == {"\n"}
    assert "a \"b\" 'c' <d> & |e| \\|f *g* __h__ `i` ??[31m?.tflite: min-agreement: " in result.stdout
    [entry] = json.loads((tmp_path / "p.json").read_text())["candidates"]
    assert entry["name"] == HOSTILE

    [suite] = ElementTree.parse(tmp_path / "p.xml").getroot()
    assert suite.get("name") == HOSTILE.replace("\x01", "�").replace("\x1b", "�")
    text = (tmp_path / "p.md").read_text()
    for rows in tables(text):
        assert [len(row) for row in rows] == [10, 10, 10]
        shown = r""" a "b" 'c' &lt;d&gt; &amp; \|e\| \\\|f \*g\* \_\_h\_\_ \`i\` ??\[31m?.tflite """
        assert rows[2][0] == shown
    assert "<d>" not in text
    assert len([line for line in text.splitlines() if line.startswith("- ")]) == 1


def test_models_of_one_name_are_told_apart_by_their_paths(tmp_path, reference):
    """CI systems take two test cases of one name for one."""
    for folder, model in (("old", FLOAT32.with_suffix(".tflite")), ("new", INT8)):
        (tmp_path / folder).mkdir()
        shutil.copy(model, tmp_path / folder / "model.tflite")
    files = ("old/model.tflite", "new/model.tflite")
    judgement = judge(
        tmp_path, *files, FLOAT32, "--reference", reference, "--max-drop", 0, "--junit", "p.xml"
    )
    names = [*files, FLOAT32.name]
    assert list(judgement.entries) == names
    assert [suite.get("name") for suite in ElementTree.parse(tmp_path / "p.xml").getroot()] == names
    assert "new/model.tflite: max-drop: " in judgement.text


@pytest.mark.parametrize("option", ["--json", "--junit", "--markdown"])
def test_what_goes_to_standard_output_stands_alone(tmp_path, fmnist, reference, option):
    others = {"--json": "p.json", "--junit": "p.xml", "--markdown": "p.md"}
    del others[option]
    arguments = [word for pair in others.items() for word in pair]
    result = fmnist("parity", INT8, "--reference", reference, *FLIPS, option, "-", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    match option:
        case "--json":
            assert json.loads(result.stdout)["schema"] == "fmnist.parity/4"
        case "--junit":
            assert ElementTree.fromstring(result.stdout.encode()).tag == "testsuites"
        case "--markdown":
            assert result.stdout.startswith("### Parity: ")
            assert len(tables(result.stdout)) == 2
    assert all((tmp_path / name).is_file() for name in others.values())


@pytest.mark.parametrize("place", ["-", "same.txt"])
@pytest.mark.parametrize(
    "options", [("--json", "--junit"), ("--junit", "--markdown"), ("--json", "--markdown")]
)
def test_two_results_in_one_place_are_wrong_usage(tmp_path, fmnist, options, place):
    first, second = options
    result = fmnist("parity", INT8, first, place, second, place)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"only one result can go to {'standard output' if place == '-' else place}" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--json", "--junit", "--markdown"])
def test_somebodys_file_stays_and_nothing_is_measured(tmp_path, fails, option):
    """Told of before the model, which is not even there, is looked for."""
    (tmp_path / "notes").write_text("two years of work")
    line = fails("parity", "absent.tflite", "--reference", "absent.npz", option, "notes")
    assert "notes: exists and is not a result of fmnist; choose another file" in line
    (tmp_path / "folder").mkdir()
    assert "folder: is a directory" in fails("parity", "absent.tflite", option, "folder")


def test_ones_own_old_results_are_replaced(tmp_path, reference):
    reports = ("--junit", "p.xml", "--markdown", "p.md")
    judge(tmp_path, INT8, "--reference", reference, *reports)
    before = [(tmp_path / name).read_text() for name in ("p.xml", "p.md")]
    judge(tmp_path, FLOAT32, "--reference", reference, *reports)
    for name, old in zip(("p.xml", "p.md"), before, strict=True):
        assert "model-int8.tflite" in old
        assert "model-int8.tflite" not in (tmp_path / name).read_text()
        assert "model-float32.onnx" in (tmp_path / name).read_text()


@pytest.mark.parametrize("verb", ["parity", "bench"])
def test_where_nothing_could_be_done_the_reports_say_why(tmp_path, fmnist, verb):
    """A CI system shows these files, and not the command's standard error."""
    reports = ("--markdown", "why.md", *(("--junit", "why.xml") if verb == "parity" else ()))
    result = fmnist(verb, "absent.tflite", *reports)
    assert result.returncode == 1
    reason = "absent.tflite: no such file"
    assert reason in result.stderr
    text = (tmp_path / "why.md").read_text()
    assert text.startswith(f"### {verb.title()}: not done\n\n- ")
    assert reason in text.replace("\\", "")
    if verb == "parity":
        [error] = ElementTree.parse(tmp_path / "why.xml").getroot().iter("error")
        assert reason in error.attrib["message"]
    # Which is a result of ours, and makes way for the next.
    assert "exists" not in fmnist(verb, "absent.tflite", *reports).stderr

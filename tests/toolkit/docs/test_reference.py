"""The reference matches the code, and the verbs' results match the reference."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from support import ROOT
from typer.main import get_command

from fmnist.cli.main import app

DOCS = ROOT / "docs"
SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((DOCS / "reference" / "schemas").glob("*.json"))
}


def make_reference(root, *arguments):
    return subprocess.run(
        [sys.executable, root / "docs" / "generator" / "make_reference.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def closed(schema: Any) -> Any:
    """Return the schema for our own results, which have no other fields."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(item) for key, item in schema.items()}
    return {**inner, "additionalProperties": False} if "required" in inner else inner


def errors(kind: str, result: Any, schema: Any = None) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema or SCHEMAS[kind])
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(result)]


def test_the_pages_are_what_the_code_says():
    result = make_reference(ROOT, "--check")
    assert result.returncode == 0, result.stderr


def test_what_was_edited_by_hand_is_found_and_mended(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copytree(ROOT / "benchmarks" / "results", tmp_path / "benchmarks" / "results")
    reference = tmp_path / "docs" / "reference"
    page, extra = reference / "verbs.md", reference / "schemas" / "old.schema.json"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("| 3 |", "| 4 |"), encoding="utf-8")
    extra.write_text("{}")
    check = make_reference(tmp_path, "--check")
    assert check.returncode == 1
    names = "docs/reference/schemas/old.schema.json, docs/reference/verbs.md"
    assert check.stderr == f"not as the code is: {names}; run: make docs\n"
    assert make_reference(tmp_path).returncode == 0
    assert page.read_text(encoding="utf-8") == text
    assert not extra.exists()


def test_a_new_simulation_makes_new_figures(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs")
    results = shutil.copytree(ROOT / "benchmarks" / "results", tmp_path / "benchmarks" / "results")
    path = results / "percentile_coverage.json"
    found = json.loads(path.read_text("utf-8"))
    found["processes"][2]["taken_for_independent"] = 0.123
    path.write_text(json.dumps(found), "utf-8")
    assert make_reference(tmp_path).returncode == 0
    page = (tmp_path / "docs" / "explanation" / "statistics.md").read_text("utf-8")
    assert "| 1% | p50 | 96.5 ± 0.3% | 12.3% |\n" in page


def test_a_figure_of_a_simulation_that_stands_in_the_text():
    """Such a figure is not generated."""
    path = ROOT / "benchmarks" / "results" / "compare_coverage.json"
    shares = json.loads(path.read_text("utf-8"))["shares"]
    most = max(share["beyond_one"] for share in shares if share["processes"] == 6)
    page = " ".join((DOCS / "explanation" / "statistics.md").read_text("utf-8").split())
    assert f"different in up to {10 * most:.0f} of 10 cases" in page


def test_every_verb_has_its_section_and_every_option_its_row():
    page = (DOCS / "reference" / "verbs.md").read_text("utf-8")
    sections = dict(re.findall(r"^##+ (fmnist .*?)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    root = get_command(app)
    verbs = {f"fmnist {name}": command for name, command in root.commands.items()}
    for name, group in [*verbs.items()]:
        verbs |= {f"{name} {inner}": verb for inner, verb in getattr(group, "commands", {}).items()}
    assert set(sections) == set(verbs)
    for name, command in verbs.items():
        named = set(re.findall(r"^\| `(--[\w-]+)`", sections[name], re.MULTILINE))
        options = [item for item in command.params if item.param_type_name == "option"]
        assert named == {item.opts[0] for item in options}


def test_every_kind_that_a_verb_writes_has_a_schema():
    sources = [path.read_text("utf-8") for path in (ROOT / "toolkit" / "fmnist").rglob("*.py")]
    calls = "\n".join(sources)
    written = set(re.findall(r'(?:to_json\(|show\([^\n]*, )"([a-z-]+)"', calls))
    assert {"train", "predict", "doctor", "data-verify"} <= written
    assert written | {"eval", "parity", "bench", "manifest", "bundle"} == set(SCHEMAS)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_real_results_fit(kind, results):
    for result in results[kind]:
        assert errors(kind, result, closed(SCHEMAS[kind])) == []


def test_what_is_asked_for_besides_was_among_them(results):
    bench = results["bench"][0]
    assert any(entry["profile"] for entry in bench["operators"])
    assert len(bench["assertions"]) == 2
    assert results["parity"][0]["candidates"][-1]["breaches"]
    assert len(results["parity"][1]["scores"]) == 2
    assert any(layer["similarity"] for layer in results["parity"][2]["layers"][0]["layers"])
    assert results["verify"][1]["artifacts"][0]["passed"] is False
    assert "values" in results["inspect"][-1]["weights"][0]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_field_of_a_later_version_is_passed_over(kind, results):
    assert errors(kind, results[kind][0] | {"later": 1}) == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_was_mutilated_does_not_fit(kind, results):
    """Remove each field of the result at any depth, or change its type, one by one."""
    [result, *_] = results[kind]
    tried = 0
    for path in _paths(SCHEMAS[kind], SCHEMAS[kind], result):
        for mutilated in (_without(result, path), _with(result, path, {"no": ["such", "thing"]})):
            tried += 1
            assert errors(kind, mutilated), path
    assert tried >= 8


def _paths(schema: Any, root: Any, value: Any, at: tuple[str | int, ...] = ()):
    """Yield the paths of required fields with a definite type, using the first element of each list."""
    schema = _resolved(schema, root, value)
    if isinstance(value, list) and value and "items" in schema:
        yield from _paths(schema["items"], root, value[0], (*at, 0))
    for key in schema.get("required", ()) if isinstance(value, dict) else ():
        part = _resolved(schema["properties"][key], root, value[key])
        if (part.keys() - {"description"} and part.get("type") != "object") or "required" in part:
            yield (*at, key)
            yield from _paths(part, root, value[key], (*at, key))


def _resolved(schema: Any, root: Any, value: Any) -> Any:
    """Follow a reference; of several alternatives, return the one that the value matches."""
    if "$ref" in schema:
        return root["$defs"][schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", ()):
        if not errors("", value, {**part, "$defs": root["$defs"]}):
            return _resolved(part, root, value)
    return schema


def _without(result: Any, path: tuple[str | int, ...]) -> Any:
    changed = copy.deepcopy(result)
    place = changed
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return changed


def _with(result: Any, path: tuple[str | int, ...], value: object) -> Any:
    changed = copy.deepcopy(result)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed

"""Read a run's result files by the names that its report uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def result(run: Path, kind: str) -> dict[str, Any]:
    return json.loads((run / f"{kind}.json").read_text("utf-8"))


def evaluations(run: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in result(run, "eval")["models"]}


def comparisons(run: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in result(run, "parity")["candidates"]}


def timings(run: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in result(run, "bench")["models"]}


def model_names(run: Path) -> list[str]:
    """Return the original and the artifacts in the report's order."""
    return ["model.keras", *comparisons(run)]


def number_of(run: Path, name: str) -> str:
    """Return a model's value in the picker."""
    return str(model_names(run).index(name))


def changed_answers(run: Path, name: str) -> list[dict[str, Any]]:
    """Return a model's changed answers, those with the original's largest margin first."""
    flips = comparisons(run)[name]["changes"]["flips"]
    entries = [dict(zip(flips, values, strict=True)) for values in zip(*flips.values(), strict=True)]
    return sorted(entries, key=lambda entry: (-entry["reference_margin"], entry["images"]))

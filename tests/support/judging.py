"""Run `fmnist parity` like a user, and read its results for each model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import stats

from support import run_fmnist


@dataclass(frozen=True)
class Judgement:
    """One call of `fmnist parity`."""

    code: int
    text: str
    entries: dict[str, dict[str, Any]]
    """The JSON's entry of each model, by file name."""

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of the only model."""
        [entry] = self.entries.values()
        return entry

    @property
    def failed(self) -> list[str]:
        """Names of the gates that the only model failed."""
        return [breach["gate"] for breach in self.entry["breaches"]]


def judge(folder: Path, *arguments: object) -> Judgement:
    """Run the verb, and read its text and its JSON; both must name each failed gate."""
    result = run_fmnist(folder, "parity", *arguments, "--json", "judgement.json")
    assert result.returncode in (0, 3), result.stderr
    assert all(line.startswith("run: ") or "takes pixels" in line for line in result.stderr.splitlines())
    candidates = json.loads((folder / "judgement.json").read_text())["candidates"]
    judgement = Judgement(result.returncode, result.stdout, {entry["name"]: entry for entry in candidates})
    lines = result.stdout.splitlines()
    for name, entry in judgement.entries.items():
        assert entry["passed"] is (not entry["breaches"])
        assert [entry["passed"]] == [" pass " in line for line in lines if line.startswith(name)][:1]
        said = [line for line in lines if line.startswith(f"{name}: ")]
        named = [f"{name}: {breach['gate']}: {breach['text']}" for breach in entry["breaches"]]
        assert [line for line in said if "another model" not in line] == named
    assert judgement.code == (0 if all(entry["passed"] for entry in candidates) else 3)
    return judgement


def broken_limits(entry: dict[str, Any]) -> list[str]:
    """Return the gates that a model's own figures break, compared with its limits again."""
    gate, answers = entry["gate"], entry["answers"]
    broken = {
        "max-drop": answers["accuracy_difference_interval"]["low"] <= -gate["max_drop"],
        "min-agreement": answers["agreement"] < gate["min_agreement"],
        "max-difference": gate["max_difference"] is not None
        and entry["probabilities"]["max_difference"] > gate["max_difference"],
        "max-confident-flips": _changed_too_many(gate, len(entry["changes"]["confident"]), answers["images"]),
    }
    return [name for name, is_broken in broken.items() if is_broken]


def _changed_too_many(gate: dict[str, Any], count: int, images: int) -> bool:
    """Return whether too many confident answers changed: by number, or significantly by share."""
    if gate["max_confident_flips"] is not None:
        return bool(count > gate["max_confident_flips"])
    share = gate["max_confident_share"]
    return share is not None and stats.binomtest(count, images).proportion_ci(method="exact").low > share

"""Measure the cost of parity's statistics: six artifacts compared with their original, against scoring.

Both run in turn in one process, on the 10,000 test images. The bootstrap's resamples, which a process draws
once, are drawn again in every round. Then both commands run as a user runs them, for information. Exits 1 if
the limit is broken. Writes results/parity_cost.json. Usage: parity_cost.py [RUN], a trained and fully
exported run. Without RUN, one is made in a temporary folder.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from claims import Claim, conclude
from processes import FMNIST, wall_time
from side_by_side import Measure, Times, in_turn, milliseconds, once, ratio, ratio_of_medians, report
from trained import DATA, SIX, artifacts, named_or_trained

from fmnist.models.open import Execution, open_model
from fmnist.models.select import Splits
from fmnist.parity.models import compare_models
from fmnist.runs.run import Run
from fmnist_runtime.evaluate import score_dataset
from fmnist_runtime.parity import calibration
from fmnist_runtime.recorded import Reference

ROUNDS, COMMAND_ROUNDS = 40, 10
LIMIT = 3.0
"""Maximum time of comparing, as a multiple of scoring."""


def score(paths: list[Path], splits: Splits) -> None:
    """Open each model and run it on all images: the part of parity that scoring needs as well."""
    for path in paths:
        with open_model(path) as session:
            score_dataset(session, splits.of(session))


def compare(paths: list[Path], reference: Reference, splits: Splits) -> None:
    """Score and compare, as in a new process, where no resamples are drawn yet."""
    calibration._kept.cache_clear()
    calibration._errors.cache_clear()
    compare_models(paths, reference, splits, Execution())


def command(verb: str, paths: list[Path]) -> Measure:
    """Return a measure of a whole process, which exits with 0, or 3 if a gate fails."""
    return wall_time([FMNIST, verb, *map(str, paths), "--data-dir", str(DATA)], exits=(0, 3))


def measure(run: Run) -> dict[str, dict[str, Times]]:
    """Time both in turn: in one process, and as commands."""
    paths = [artifacts(run)[recipe] for recipe in SIX]
    splits = Splits(None, DATA)
    inside = {
        "scoring": once(partial(score, paths, splits)),
        "parity": once(partial(compare, paths, run.recorded_scores(), splits)),
    }
    commands = {f"fmnist {verb}": command(verb, paths) for verb in ("eval", "parity")}
    return {"process": in_turn(inside, ROUNDS), "commands": in_turn(commands, COMMAND_ROUNDS)}


def main() -> None:
    """Measure and record; exit 1 if the limit is broken."""
    with named_or_trained() as run:
        parts = measure(run)
    rows = []
    for times in parts.values():
        base, other = times.values()
        for name, item in times.items():
            against = [f"{ratio_of_medians(item, base):.2f}", f"{ratio(item, base):.2f}"]
            rows.append([name, f"{item.percentile(50) / 1e6:.1f}", *(against if item is other else ["", ""])])
    report("Six artifacts, 10,000 images", ["", "ms", "times, of medians", "by round"], rows)
    cost = ratio(parts["process"]["parity"], parts["process"]["scoring"])
    conclude(
        "parity_cost",
        [Claim("comparing ÷ scoring", cost, "times", LIMIT)],
        {"artifacts": SIX, **{name: {"ms": milliseconds(times)} for name, times in parts.items()}},
    )


if __name__ == "__main__":
    main()

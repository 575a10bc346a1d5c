"""Which steps of the whole job are kept."""

from __future__ import annotations

from pathlib import Path

from support import DATA

from fmnist.bench.configuration import Method
from fmnist.pipeline import Pipeline
from fmnist.runs import Run


def test_a_benchmark_in_which_a_model_failed_is_made_again(tiny: Path):
    """Else the job would fail once, and pass without that model's figures ever after."""
    pipeline = Pipeline(Run(tiny), DATA, 1, Method(), force=False, limits={})
    made = []

    def work(*failures: str) -> dict[str, object]:
        made.append(failures)
        return {"models": [], "failures": [{"error": error} for error in failures]}

    pipeline._step("bench", {}, lambda: work("its engine crashed"))
    pipeline._step("bench", {}, work)
    assert made == [("its engine crashed",), ()]
    assert pipeline._step("bench", {}, work)["failures"] == []
    assert len(made) == 2

"""Which steps of the whole job are kept."""

from __future__ import annotations

from pathlib import Path

from support import DATA
from support.timings import benchmark

from fmnist.bench.configuration import Method
from fmnist.bench.record import Benchmark, NotTimed
from fmnist.pipeline import Pipeline, summary_text
from fmnist.results.summary import summarise
from fmnist.results.write import Inputs
from fmnist.runs.run import Run


def test_a_benchmark_in_which_a_model_failed_is_made_again(tiny: Path):
    """Else the job would fail once, and pass without that model's figures ever after."""
    pipeline = Pipeline(Run(tiny), DATA, 1, Method(), force=False, limits={})
    made = []

    def work(*errors: str) -> Benchmark:
        made.append(errors)
        return benchmark(failures=[NotTimed(None, "none", 1, 1, error=error) for error in errors])

    pipeline._step("bench", lambda: work("its engine crashed"), Inputs)
    pipeline._step("bench", work, Inputs)
    assert made == [("its engine crashed",), ()]
    assert pipeline._step("bench", work, Inputs)["failures"] == []
    assert len(made) == 2


def test_a_file_in_the_way_of_a_result(tiny: Path):
    """Its place is the pipeline's, so another one cannot be chosen."""
    bench = tiny / "bench.json"
    bench.write_text("notes")
    pipeline = Pipeline(Run(tiny), DATA, 1, Method(), force=False, limits={})
    assert pipeline._step("bench", benchmark, Inputs) == {}
    [failure] = pipeline._failures
    complaint = "exists and is not a result of fmnist; remove it, or --force replaces it"
    assert str(failure) == f"{bench}: {complaint}"
    assert bench.read_text() == "notes"


def test_a_file_in_the_way_of_the_report(tiny: Path):
    """The job fails, and says what to do; that its own --out names the run, not this file, is no help."""
    (tiny / "report.html").write_text("notes")
    pipeline = Pipeline(Run(tiny), DATA, 1, Method(), force=False, limits={})
    assert pipeline._report() is None
    [failure] = pipeline._failures
    complaint = "exists and is not a result of fmnist; remove it, or --force replaces it"
    assert str(failure) == f"{tiny / 'report.html'}: {complaint}"
    assert (tiny / "report.html").read_text() == "notes"


def test_a_damaged_result_leaves_no_report_and_is_named(tiny: Path):
    (tiny / "parity.json").write_text("{}")
    pipeline = Pipeline(Run(tiny), DATA, 1, Method(), force=False, limits={})
    assert pipeline._report() is None
    assert [str(failure) for failure in pipeline._failures] == [
        f"{tiny / 'parity.json'}: is not a result of fmnist parity; remove it and make it again"
    ]


def test_times_that_are_not_to_be_trusted_are_told_of():
    model = {"format": "tflite", "scheme": "int8", "size_bytes": 1000, "accuracy": 0.8}
    names = ("steady", "noisy", "hot", "untimed")
    verdicts = ("STABLE", "NOISY", "THROTTLED")
    bench = {
        "models": [
            {"name": name, "verdict": verdict, "p50_us": None, "p99_us": None}
            for name, verdict in zip(names, verdicts, strict=False)
        ],
    }
    rows = summarise({"eval": {"models": [model | {"name": name} for name in names]}, "bench": bench})
    assert [row.trust for row in rows] == [*verdicts, None]
    assert summary_text(rows).splitlines()[-1] == "times of 2 of 4 are not STABLE: bench.json says why"
    assert "STABLE" not in summary_text([rows[0], rows[3]])

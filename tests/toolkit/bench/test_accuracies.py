"""How often the models are right that were timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import DATA, TINY
from support.timings import benchmark, timed

from fmnist.bench import pictures
from fmnist.bench.models import find_accuracies
from fmnist.models.select import Splits
from fmnist.runs.run import Run
from fmnist.scoring.evaluate import evaluate_original
from fmnist_runtime.files import sha256_file

NPZ = TINY / "export" / "model-float32.npz"


@pytest.fixture
def accuracy(tmp_path):
    """What is found of a file that was timed."""

    def find(path: Path, engine: str) -> float:
        result = timed(str(path), range(1, 10), engine=engine, sha256=sha256_file(path))
        found, errors = find_accuracies(benchmark(result), Splits(None, DATA))
        assert errors == []
        return found.models[0].accuracy

    return find


def test_accuracy_is_what_the_run_has_recorded_of_the_same_file(tiny, fmnist, accuracy):
    """Or else it is measured: the file, what runs it, or the images may be others by now."""
    artifact, recorded = tiny / "export" / "model-float32.npz", tiny / "eval.json"
    assert fmnist("eval", artifact, "--json", recorded).returncode == 0
    record = json.loads(recorded.read_text())
    [entry] = record["models"]
    engine, true, entry["accuracy"] = entry["engine"], entry["accuracy"], 0.123
    for key, expected in ((None, 0.123), ("sha256", true), ("engine", true), ("dataset_digest", true)):
        changed = {**record, "models": [{**entry, **({key: "other"} if key else {})}]}
        recorded.write_text(json.dumps(changed))
        assert accuracy(artifact, engine) == expected
    for damaged in ("{", "[]", "{}", '{"schema": "fmnist.eval/1"}', '{"schema": "fmnist.eval/9"}'):
        recorded.write_text(damaged)
        assert accuracy(artifact, engine) == true
    nameless = {key: value for key, value in entry.items() if key != "accuracy"}
    for models in (None, [1], {"a": 1}, [nameless], [{**entry, "accuracy": "high"}]):
        recorded.write_text(json.dumps({**record, "models": models}))
        assert accuracy(artifact, engine) == true


def test_accuracy_of_the_original_is_that_of_its_recorded_scores(tiny, accuracy):
    assert accuracy(tiny / "model.keras", "keras") == evaluate_original(Run(tiny)).evaluation.accuracy


def test_a_model_without_accuracy_stops_no_other(tmp_path):
    """A file that went away after it was timed."""
    gone, there = (
        timed("gone.npz", range(1, 100), engine="numpy"),
        timed(str(NPZ), range(1, 100), engine="numpy"),
    )
    found, [error] = find_accuracies(benchmark(gone, there), Splits("fashion-mnist", DATA))
    assert [model.accuracy is None for model in found.models] == [True, False]
    assert str(error).startswith("gone.npz: ")
    lines = pictures.write_pictures(found, tmp_path)
    assert lines == [str(tmp_path / name) for name in ("tradeoff.svg", "latencies.svg")]

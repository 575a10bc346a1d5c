from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support import TINY

from fmnist.results.write import plain
from fmnist.runs.run import Run, new_run, newest_run, require_ours, run_name, run_of
from fmnist.runs.settings import TrainSettings
from fmnist_runtime.errors import OutputError, ResultError


def make_run(folder, finished):
    folder.mkdir(parents=True)
    record = {"schema": "fmnist.train/1", "finished": finished, "test_digest": "", "labels": ["a", "b"]}
    (folder / "train.json").write_text(json.dumps({**record, "settings": {"dataset": "mnist"}}))
    return Run(folder)


def test_the_newest_run_is_the_one_that_finished_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs" / "z", "2026-01-01T00:00:00+00:00")
    make_run(tmp_path / "runs" / "a", "2026-01-02T00:00:00+00:00")
    (tmp_path / "runs" / "foreign").mkdir()
    (tmp_path / "runs" / "foreign" / "train.json").write_text('{"finished": "2027"}')
    (tmp_path / "runs" / "damaged").mkdir()
    (tmp_path / "runs" / "damaged" / "train.json").write_text("{")
    assert newest_run().folder.name == "a"


def test_no_run_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResultError, match="fmnist train"):
        newest_run()


def test_a_new_run_takes_the_next_free_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(new_run("mnist").folder) == "runs/mnist"
    make_run(tmp_path / "runs" / "mnist", None)
    assert str(new_run("mnist").folder) == "runs/mnist-2"
    make_run(tmp_path / "runs" / "mnist-2", None)
    assert str(new_run("/elsewhere/mnist").folder) == "runs/mnist-3"


def test_artifacts_know_their_run(monkeypatch):
    assert run_of(TINY / "export" / "model-int8.tflite") == Run(TINY)
    assert run_of(TINY / "model.keras") == Run(TINY)
    assert run_of(TINY.parent / "generate.py") is None
    monkeypatch.chdir(TINY / "export")
    assert run_of(Path("model-int8.tflite")) == Run(TINY)


def test_the_manifest_decides_what_a_runs_artifacts_are(tmp_path):
    run = Run(shutil.copytree(TINY, tmp_path / "run"))
    (run.exports / "foreign.tflite").write_bytes(b"somebody's")
    assert [path.name for path in run.artifacts()] == [
        "model-float32.tflite",
        "model-int8.tflite",
        "model-int8-full.tflite",
        "model-float32.onnx",
        "model-int8.onnx",
        "model-float32.npz",
    ]
    (run.exports / "manifest.json").write_text(json.dumps({"artifacts": [{}]}))
    with pytest.raises(ResultError, match=r"manifest\.json: is damaged"):
        run.artifacts()


def test_training_goes_into_a_new_folder_an_empty_one_or_a_run(tmp_path):
    require_ours(Run(tmp_path / "new"), force=False)
    require_ours(Run(tmp_path), force=False)
    require_ours(Run(TINY), force=False)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match="holds files, but no run"):
        require_ours(Run(tmp_path), force=False)
    with pytest.raises(OutputError, match="takes no files"):
        require_ours(Run(tmp_path / "thesis.tex"), force=False)
    require_ours(Run(tmp_path), force=True)


def test_what_was_made_from_an_earlier_model_is_not_mixed_with_the_new(tmp_path):
    run = Run(shutil.copytree(TINY, tmp_path / "run"))
    run.model.write_bytes(b"trained anew")
    assert run.artifacts() == []
    assert [path.name for path in run.stale_artifacts()] == [path.name for path in Run(TINY).artifacts()]
    with pytest.raises(ResultError, match=r"reference\.npz: is not of model\.keras"):
        run.recorded_scores()


def test_a_run_is_named_after_its_data_set():
    assert [run_name(name) for name in ("mnist", "/elsewhere/cats", "cats/")] == ["mnist", "cats", "cats"]
    assert run_name(".") == Path.cwd().name


def test_settings_survive_their_record():
    settings = TrainSettings(hidden=(256, 128), dropout=0)
    assert TrainSettings.from_record(json.loads(json.dumps(plain(settings)))) == settings
    assert TrainSettings.from_record({"epochs": 3}) == TrainSettings(epochs=3)


@pytest.mark.parametrize(
    "change", [{"settings": {}}, {"settings": 3}, {"labels": None}, {"labels": [3]}, {"test_digest": None}]
)
def test_a_damaged_record_is_one_line(tmp_path, change):
    run = make_run(tmp_path / "run", None)
    run.train_json.write_text(json.dumps({**run.training(), **change}))
    with pytest.raises(ResultError, match=r"train\.json: is damaged; train the run again"):
        run.training()


@pytest.mark.parametrize(
    "arguments",
    [
        ["export"],
        ["eval"],
        ["parity"],
        ["parity", "--reference"],
        ["bench"],
        ["inspect"],
        ["report"],
        ["bundle"],
        ["verify"],
        ["train", "--resume"],
    ],
)
def test_a_mistyped_run_names_the_runs_that_are_there(tiny, fmnist, arguments):
    if arguments == ["train", "--resume"]:
        pytest.importorskip("keras")
    result = fmnist(*arguments, "runs/tny")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "fmnist: runs/tny: no such run or file; runs that are there: runs/tiny"
    )

"""What devices measured stands beside what was measured here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support import run_fmnist

from fmnist.report.changed import ChangedAnswers
from fmnist.report.views import view_runs
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run


@pytest.fixture
def run(tiny_run, tmp_path) -> Path:
    """A run with a device that takes three times as long for each artifact as this machine."""
    copy = Path(shutil.copytree(tiny_run, tmp_path / "runs" / "tiny"))
    device = copy / "devices" / "pi4"
    device.mkdir(parents=True)
    assert run_fmnist(tmp_path, "doctor", "--json", device / "doctor.json").returncode == 0
    for kind in ("eval", "parity", "bench"):
        shutil.copy(copy / f"{kind}.json", device)
    change(device / "doctor.json", lambda record: record["probe"].update(board="Raspberry Pi 4"))
    change(device / "bench.json", slower)
    return copy


def change(path: Path, how) -> None:
    record = json.loads(path.read_text())
    how(record)
    path.write_text(json.dumps(record))


def slower(record: dict) -> None:
    for model in record["models"]:
        model["p50_us"] = {end: 3 * value for end, value in model["p50_us"].items()}


def test_each_artifact_with_its_time_beside_that_of_here(run):
    results = read_run(Run(run))
    [view] = view_runs([results], [ChangedAnswers(((),) * len(results.artifacts), {})])
    [device] = view.devices
    assert (device.results.host, device.results.board) == ("pi4", "Raspberry Pi 4")
    assert device.results.gaps == ()
    assert [row.model.name for row in device.rows] == [model.name for model in view.results.artifacts]
    assert [row.index for row in device.rows] == list(range(1, len(device.rows) + 1))
    assert [row.slower for row in device.rows] == pytest.approx([3] * len(device.rows))
    assert device.decision.model is not None
    assert device.decision.model.parity == view.decision.model.parity


def test_ratios_have_as_many_digits_as_times(run, tmp_path):
    result = run_fmnist(tmp_path, "report", run)
    assert result.returncode == 0, result.stderr
    page = (run / "report.html").read_text(encoding="utf-8")
    assert ">3.00 ×<" in page
    assert ">3 ×<" not in page


def test_what_did_not_come_back_is_said(run):
    for kind in ("doctor", "bench"):
        (run / "devices" / "pi4" / f"{kind}.json").unlink()
    [device] = read_run(Run(run)).devices
    assert device.gaps == ("doctor.json did not come back from it", "bench.json did not come back from it")
    assert device.findings == ()
    assert all(model.timing is None for model in device.models)


def test_a_device_with_other_files_is_told(run):
    change(run / "devices/pi4/eval.json", lambda record: record["models"][1].update(sha256="0" * 64))
    [device] = read_run(Run(run)).devices
    assert device.gaps == ("measured other files than the run has now; deploy it again",)


def test_an_empty_folder_is_no_device(run):
    (run / "devices" / "pi5").mkdir()
    assert [device.host for device in read_run(Run(run)).devices] == ["pi4"]

"""Real results of every kind, each made by its verb from the tiny run, and the common start of several
pages."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import DATA, TINY, run_fmnist
from support.foreign_tflite import pack
from support.predicting import encode
from support.strangers import tflite
from walkthrough import Given

from fmnist.bench.configuration import Method
from fmnist.bundle.contents import make_bundle
from fmnist.deploy.outcome import DeploymentBody, DeviceOutcome
from fmnist.devices.targets import Target
from fmnist.pipeline import Pipeline
from fmnist.results.summary import SummaryBody, SummaryRow
from fmnist.results.write import to_json
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.machine.probe import read_probe

Results = dict[str, list[dict[str, Any]]]
"""Parsed JSON results by kind."""


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


class Verbs:
    """Runs the command in a folder, and reads the JSON that it writes."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, 0

    def __call__(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        return read(self.file(*arguments, code=code))

    def file(self, *arguments: object, code: int = 0) -> Path:
        self._number += 1
        path = self._folder / f"{self._number}.json"
        self.run(*arguments, "--json", path, code=code)
        return path

    def run(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        result = run_fmnist(self._folder, *arguments)
        assert result.returncode == code, result.stderr
        return result


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Makes the starting state of a page, or reuses it."""
    return Given(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="package")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("results")
    run = Path(shutil.copytree(TINY, folder / "runs" / "tiny"))
    fmnist, pair = Verbs(folder), [run / "export" / name for name in ("model-int8.tflite", "model-int8.onnx")]
    photo = folder / "boot.png"
    photo.write_bytes(encode(load_dataset("fashion-mnist", "test", DATA).images[0]))
    brief = ("--duration", 0.06, "--processes", 1)
    alone = Path(shutil.copytree(run / "export", folder / "alone"))  # in a run Keras would be timed, too
    timed = [alone / path.name for path in pair]
    old = fmnist.file("bench", *timed, *brief, "--operators", "--assert", "p50<1s", code=3)
    scores = folder / "scores.npz"
    fmnist.run("eval", run, "--scores", scores)
    (folder / "stranger.tflite").write_bytes(pack(tflite()))
    fmnist.run("import", "stranger.tflite", "--dataset", "fashion-mnist", "--out", folder / "imported")
    found: Results = {
        "import": [read(folder / "imported" / "import.json")],
        "train": [read(TINY / "train.json")],
        "manifest": [read(TINY / "export" / "manifest.json")],
        "eval": [fmnist("eval", run)],
        "parity": [
            fmnist("parity", run, "--max-drop", 0, code=3),
            fmnist("parity", "--scores", scores, scores),
            fmnist("parity", pair[0], "--layers"),
        ],
        "bench": [
            read(old),
            *(
                fmnist("bench", timed[0], *brief, "--scenario", scenario)
                for scenario in ("throughput", "periodic", "cold-start")
            ),
        ],
        "compare": [fmnist("compare", old, old)],
        "verify": [fmnist("verify", run), fmnist("verify", _damaged(pair[0], folder), code=3)],
        "predict": [fmnist("predict", pair[0], photo)],
        "inspect": [
            fmnist("inspect", folder / "stranger.tflite"),
            *(fmnist("inspect", path) for path in (run / "model.keras", *pair)),
            fmnist("inspect", run / "export" / "model-float32.npz", "--weights"),
        ],
        "doctor": [fmnist("doctor")],
        "data": [fmnist("data", "list")],
        "data-verify": [fmnist("data", "verify", "mnist")],
        "bundle": [_bundle(run)],
    }
    rows = _run_steps(run, found)
    found["run"] = [json.loads(to_json("run", SummaryBody(run, rows)))]
    found["deploy"] = [json.loads(to_json("deploy", DeploymentBody(run, list(_outcomes(rows)))))]
    return found


def _damaged(path: Path, folder: Path) -> Path:
    """Return a copy with one byte of its weights changed."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    copy = folder / path.name
    copy.write_bytes(content)
    return copy


def _bundle(run: Path) -> dict[str, Any]:
    bundle = make_bundle(Run(run), Target("any", "3.11"), ("npz",), data=False, wheels=False, data_dir=DATA)
    [description] = (file for file in bundle.files if file.name == "bundle.json")
    return json.loads(description.open().read())


def _run_steps(run: Path, found: Results) -> tuple[SummaryRow, ...]:
    """Run all steps except training; the results in the run record their inputs."""
    method = Method(seconds=0.06, processes=1)
    summary = Pipeline(Run(run), DATA, 1, method, force=False, limits={"max_drop": 0.2}).execute()
    assert summary.failures == ()
    assert summary.report == run / "report.html"
    assert read_run(Run(run)).original.timing  # the report has what was measured of Keras, too
    for kind in ("eval", "parity", "bench"):
        found[kind].append(read(run / f"{kind}.json"))
        assert "inputs" in found[kind][-1]
    found["manifest"].append(read(run / "export" / "manifest.json"))
    return summary.rows


def _outcomes(rows: tuple[SummaryRow, ...]) -> Iterator[DeviceOutcome]:
    done = ("linux-aarch64, Python 3.13", "tiny-1", False, 1000, rows, read_probe())
    yield DeviceOutcome("pi", "done", None, "", *done)
    missing = ("gone: no answer", "ssh: no answer", None, None, False, 0, (), None)
    yield DeviceOutcome("gone", "failed", *missing)

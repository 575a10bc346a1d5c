"""The same figures to the last digit, wherever the original's answers come from and whoever asks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from support import DATA, ROOT, TINY
from support.judging import judge

from fmnist.training.train import score_original
from fmnist_runtime import load, parity
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.recorded import read_reference, write_reference

Entries = dict[str, dict[str, Any]]
WITHOUT_TENSORFLOW = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "tf2onnx", "onnx"}:
            raise ModuleNotFoundError(f"blocked: {name}", name=name.partition(".")[0])
sys.meta_path.insert(0, Block())
from fmnist.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, t10k: Dataset) -> Path:
    """A folder with the tiny run, whose reference is of this machine's arithmetic as all else is."""
    folder = tmp_path_factory.mktemp("home")
    run = shutil.copytree(TINY, folder / "runs" / "tiny")
    write_reference(run / "reference.npz", score_original(run / "model.keras", t10k))
    return folder


@pytest.fixture(scope="module")
def entries(home) -> Entries:
    """Of all six artifacts, from inside of their run."""
    judgement = judge(home)
    assert len(judgement.entries) == 6
    return judgement.entries


@pytest.fixture
def artifacts(home, entries) -> list[Path]:
    return [home / "runs" / "tiny" / "export" / name for name in entries]


def test_from_the_keras_model_itself(tmp_path, home, entries, artifacts):
    reference = home / "runs" / "tiny" / "model.keras"
    assert judge(tmp_path, *artifacts, "--reference", reference).entries == entries


def test_from_its_recorded_scores(tmp_path, home, entries, artifacts):
    shutil.copy(home / "runs" / "tiny" / "reference.npz", tmp_path / "scores.npz")
    assert judge(tmp_path, *artifacts, "--reference", "scores.npz").entries == entries


def test_from_the_run_by_its_folder(tmp_path, home, entries, artifacts):
    assert judge(tmp_path, *artifacts, "--reference", home / "runs" / "tiny").entries == entries


def test_from_nothing_but_the_place_they_lie_in(tmp_path, entries, artifacts):
    assert judge(tmp_path, *artifacts).entries == entries


def test_in_a_process_without_tensorflow(tmp_path, home, entries, artifacts):
    shutil.copy(home / "runs" / "tiny" / "reference.npz", tmp_path)
    for artifact in artifacts:
        shutil.copy(artifact, tmp_path)
    sources = os.pathsep.join(str(ROOT / part) for part in ("runtime", "exporters", "toolkit"))

    def against(reference: object) -> subprocess.CompletedProcess[str]:
        arguments = ["parity", *entries, "--reference", str(reference), "--json", "-"]
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": sources, "FMNIST_DATA": str(DATA), "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    result = against("reference.npz")
    assert (result.returncode, result.stderr) == (0, "")
    assert {entry["name"]: entry for entry in json.loads(result.stdout)["candidates"]} == entries
    refused = against(TINY / "model.keras")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "pip install 'fmnist[train]'" in refused.stderr


def test_through_the_library(home, entries, artifacts):
    reference = home / "runs" / "tiny" / "reference.npz"
    for artifact in artifacts:
        result = parity.compare_model(artifact, reference, data_dir=DATA)
        assert_same(result, entries[artifact.name])


def test_through_the_library_with_an_open_model(home, entries, artifacts, t10k):
    reference = read_reference(home / "runs" / "tiny" / "reference.npz")
    for artifact in artifacts:
        gate = parity.default_gate(entries[artifact.name]["scheme"]).allowing(reference.rounding)
        with load(artifact) as session:
            result, _ = parity.compare_session(session, reference, t10k, gate)
            assert_same(result, entries[artifact.name])
            assert_same(
                parity.compare(reference.scores, session.scores(t10k.images), t10k.targets, gate),
                entries[artifact.name],
            )


def assert_same(result: parity.Parity, entry: dict[str, Any]) -> None:
    """JSON writes a float so that the same one is read, and has lists for tuples."""
    figures = json.loads(json.dumps(asdict(result), allow_nan=False))
    assert figures == {name: entry[name] for name in figures}
    assert result.passed is entry["passed"]

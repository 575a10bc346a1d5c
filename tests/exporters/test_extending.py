"""A new format is a row in the table and a module of its name, and a session on the device's side.

Here a format that keeps weights as text, added from outside as CONTRIBUTING.md says, is exported,
proved, listed, verified and compared like any other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import DATA, TINY

CONVERTER = """
import json
from fmnist_exporters import npz
from fmnist_exporters.metadata import embed_zip as embed

def convert(classifier, scheme, calibration=None):
    layers = npz.dense_layers(npz.reduce(classifier))
    rows = [[layer.kernel.tolist(), layer.bias.tolist(), layer.activation] for layer in layers]
    return json.dumps(rows).encode()
"""
SESSION = """
import json
import numpy as np
from fmnist_runtime.carriers import read_carried, read_metadata
from fmnist_runtime.sessions.base import BaseSession
from fmnist_runtime.sessions.plan import Plan
from fmnist_runtime.dense.network import ACTIVATIONS
from fmnist_runtime.sessions.session import ModelInfo

class TextSession(BaseSession):
    def __init__(self, path, threads, labels, _running):
        text = path.read_bytes()[: read_carried(path).model_bytes]
        self._engine = [(np.float32(k), np.float32(b), a) for k, b, a in json.loads(text)]
        metadata = read_metadata(path)
        super().__init__(ModelInfo(path, "text", "float32", "text 1.0", threads, (28, 28),
                                   labels or metadata.labels, path.stat().st_size, metadata), block=64)

    def _prepare(self, shape):
        pixels = np.empty(shape, np.float32)
        scores = np.empty((shape[0], len(self.info.labels)), np.float32)

        def invoke():
            values = pixels.reshape(len(pixels), -1)
            for kernel, bias, activation in self._engine:
                values = values @ kernel + bias
                ACTIVATIONS[activation](values)
            scores[...] = values

        return Plan(lambda images: np.copyto(pixels, images), invoke, scores)
"""
START = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("fmnist_exporters.text", "text.py")
sys.modules["fmnist_exporters.text"] = module = importlib.util.module_from_spec(spec)
from fmnist_exporters import recipes
from fmnist_runtime.sessions import ENGINES
recipes.RECIPES += (recipes.Recipe("text", "float32", False, 1e-5, "float32 as text"),)
ENGINES["text"] = ((".text",), "text_session:TextSession")
if "export" in sys.argv:
    spec.loader.exec_module(module)
from fmnist.cli.main import main
main()
"""


@pytest.fixture
def extended(tmp_path):
    """Run the command with one more format, in a folder with a copy of the tiny run."""
    (tmp_path / "text.py").write_text(CONVERTER)
    (tmp_path / "text_session.py").write_text(SESSION)
    (tmp_path / "start.py").write_text(START)
    shutil.copytree(TINY, tmp_path / "run", ignore=shutil.ignore_patterns("export"))

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "start.py", *arguments],
            cwd=tmp_path,
            env={**os.environ, "FMNIST_DATA": str(DATA)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_one_row_and_a_module_make_a_format(extended, tmp_path):
    assert "100.00 %" in extended("export", "run", "--format", "text")
    artifact = Path("run/export/model-float32.text")
    assert "kept" in extended("export", "run", "--format", "text")
    manifest = json.loads((tmp_path / "run/export/manifest.json").read_text())
    assert [entry["file"] for entry in manifest["artifacts"]] == [artifact.name]
    assert "verified" in extended("verify", str(artifact))
    assert " pass " in extended("parity", str(artifact))

"""Engines that were built for another NumPy than the one that is here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import TINY

from fmnist_runtime.engines.base import require_numpy_fits
from fmnist_runtime.errors import MissingExtraError

NUMPY_2 = not np.__version__.startswith("1.")
LINE = "{} fails with numpy {}, as it was built for NumPy 1: {}"


def engine(folder: Path, name: str, version: str) -> None:
    """A package of a version, which ends the process when it is imported."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(
        f'import os, signal\n__version__ = "{version}"\nos.kill(os.getpid(), signal.SIGSEGV)\n'
    )


@pytest.mark.skipif(not NUMPY_2, reason="on NumPy 1 they run")
@pytest.mark.parametrize(
    ("name", "version", "remedy"),
    [
        ("tflite_runtime", "2.14.0", "pip install 'numpy<2'"),
        ("tflite_runtime", "2.17.1", "pip install 'numpy<2'"),
        ("onnxruntime", "1.16.3", "pip install --upgrade onnxruntime"),
        ("onnxruntime", "1.18.1", "pip install --upgrade onnxruntime"),
        ("ai_edge_litert", "1.0.1", "pip install --upgrade ai-edge-litert"),
    ],
)
def test_what_was_built_for_numpy_1_is_refused(tmp_path, monkeypatch, name, version, remedy):
    engine(tmp_path, name, version)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError) as caught:
        require_numpy_fits(name)
    assert str(caught.value) == LINE.format(f"{name.replace('_', '-')} {version}", np.__version__, remedy)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("tflite_runtime", "2.18.0"),
        ("onnxruntime", "1.19.0"),
        ("onnxruntime", "2.0.0"),
        ("ai_edge_litert", "1.1.2"),
        ("ai_edge_litert", "of no number"),
    ],
)
def test_others_are_not(tmp_path, monkeypatch, name, version):
    engine(tmp_path, name, version)
    monkeypatch.syspath_prepend(tmp_path)
    require_numpy_fits(name)


def test_on_numpy_1_all_run(tmp_path, monkeypatch):
    engine(tmp_path, "onnxruntime", "1.16.3")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    require_numpy_fits("onnxruntime")


@pytest.mark.skipif(not NUMPY_2, reason="on NumPy 1 they run")
@pytest.mark.parametrize(
    ("name", "version", "file"),
    [
        ("ai_edge_litert", "1.0.1", "model-int8.tflite"),
        ("onnxruntime", "1.16.3", "model-float32.onnx"),
    ],
)
def test_loading_a_model_raises_before_the_engine_is_imported(tmp_path, name, version, file):
    engine(tmp_path, name, version)
    program = (
        "import sys, fmnist_runtime\n"
        "try:\n"
        "    fmnist_runtime.load(sys.argv[1])\n"
        "except fmnist_runtime.FmnistError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, TINY / "export" / file],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert f"{version} fails with numpy {np.__version__}, as it was built for NumPy 1: " in result.stdout

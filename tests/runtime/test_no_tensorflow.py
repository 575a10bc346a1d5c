"""The runtime where the training stack cannot be imported, as on a device."""

from __future__ import annotations

import os
import subprocess
import sys

from support import DATA, TINY

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name.partition(".")[0])
sys.meta_path.insert(0, Block())
"""
TRAINING = {"tensorflow", "keras", "tf2onnx", "onnx"}
ENGINES = {"ai_edge_litert", "tflite_runtime", "onnxruntime"}


def run_without(blocked: set[str], code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(blocked=sorted(blocked)) + code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_both_engines_run_without_tensorflow():
    code = f"""
from pathlib import Path
import fmnist_runtime
from fmnist_runtime.data.datasets import load_dataset
images = load_dataset("fashion-mnist", "test", Path({str(DATA)!r})).images[:100]
for name in ("model-int8.tflite", "model-float32.onnx"):
    with fmnist_runtime.load(Path({str(TINY)!r}) / "export" / name) as session:
        print(session.scores(images).argmax(axis=1)[:5].tolist())
print(sorted({TRAINING!r} & set(sys.modules)))
"""
    assert run_without(TRAINING, code) == "[9, 2, 1, 1, 6]\n[9, 2, 1, 1, 6]\n[]\n"


def test_importing_it_costs_numpy_and_nothing_else():
    code = f"""
import numpy
before = {{name.partition(".")[0] for name in sys.modules}}
import fmnist_runtime
after = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(name for name in after - before if name not in sys.stdlib_module_names))
print(sorted(({TRAINING | ENGINES!r} | {{"PIL", "typer"}}) & after))
"""
    assert run_without(TRAINING, code) == "['fmnist_runtime']\n[]\n"


def test_a_missing_engine_names_its_extra():
    code = f"""
import fmnist_runtime
for name in ("model-int8.tflite", "model-float32.onnx"):
    try:
        fmnist_runtime.load({str(TINY)!r} + "/export/" + name)
    except fmnist_runtime.FmnistError as error:
        print(error)
"""
    lines = run_without(TRAINING | ENGINES, code).splitlines()
    assert "pip install 'fmnist[tflite]'" in lines[0]
    assert "pip install 'fmnist[onnx]'" in lines[1]


def test_the_onnx_engine_tells_nobody(tmp_path):
    """Left to itself it writes an identifier and a queue of events into the home directory."""
    code = f"import fmnist_runtime; fmnist_runtime.load({str(TINY)!r} + '/export/model-float32.onnx').close()"
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []

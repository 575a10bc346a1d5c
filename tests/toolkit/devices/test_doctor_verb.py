"""`fmnist doctor`, with engines that are there, missing, or broken in each way that was thought of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fmnist.devices.remote_probe import SCHEMA, read_reply
from fmnist_runtime.machine.environment import package_versions

WITHOUT = "fmnist runs dense float32 networks without it: --engine numpy"
ILLEGAL_INSTRUCTION = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
NO_LIBRARY = (
    "raise ImportError('libgomp.so.1: cannot open shared object file', name='onnxruntime', path=__file__)\n"
)
INTERPRETER = """
class Interpreter:
    def __init__(self, **options):
        {}
"""
TALKATIVE = """
import os, sys
os.write(1, bytes([255, 10]))
print("hello")
print("there", file=sys.stderr)
raise SystemExit(7)
"""
MISSING = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""


@pytest.fixture
def doctor(tmp_path, fmnist):
    """The command, and files that Python finds before any others, by their names."""

    def run(*arguments: object, **files: str):
        folder = tmp_path / "path"
        for name, text in files.items():
            path = folder / name / "__init__.py"
            path.parent.mkdir(parents=True)
            path.write_text(text)
        search = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        return fmnist("doctor", *arguments, environment={"PYTHONPATH": search})

    return run


def advice(text: str) -> dict[str, str]:
    """What follows the table, by what it is about."""
    lines = [line.partition(": ") for line in text.splitlines() if ": " in line]
    return {name: rest for name, _, rest in lines}


def test_this_machine(doctor):
    result = doctor()
    assert result.returncode == 0
    assert result.stderr == ""
    versions = package_versions()
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["what", "verdict", "found"]
    found = {line[:14].strip(): line.split(maxsplit=1)[-1] for line in lines[2:]}
    assert found["engine numpy"].endswith(f"ok       numpy {versions['numpy']}")
    assert lines[-1] == (
        f"models run here on ai-edge-litert {versions['ai-edge-litert']}, "
        f"onnxruntime {versions['onnxruntime']}, numpy {versions['numpy']}"
    )


def test_json(doctor, tmp_path):
    path = tmp_path / "doctor.json"
    assert doctor("--json", path).returncode == 0
    result = json.loads(path.read_bytes())
    assert result["schema"] == "fmnist.doctor/1"
    probe = read_reply(json.dumps({"schema": SCHEMA, "probe": result["probe"]}))
    assert result["environment"] == result["probe"]["environment"]
    assert probe.environment.packages == package_versions()
    assert [part["part"] for part in result["parts"]] == ["tflite", "onnx", "numpy", "images"]
    assert {finding["verdict"] for finding in result["findings"]} <= {"ok", "note", "problem"}
    assert doctor("--json", path).returncode == 0  # its own result may be replaced


def test_an_engine_that_crashes_takes_nothing_with_it(doctor):
    result = doctor(ai_edge_litert=ILLEGAL_INSTRUCTION)
    assert result.returncode == 0
    assert result.stderr == ""
    assert advice(result.stdout)["engine tflite"] == (
        f"it crashes when it is loaded (SIGILL); perhaps it needs a newer processor; {WITHOUT}"
    )
    assert "ai-edge-litert" not in result.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("SIGSEGV", ": pip install --upgrade ai-edge-litert numpy"),
        ("SIGILL", "; perhaps it needs a newer processor"),
    ],
)
def test_an_engine_that_loads_and_crashes_when_a_model_is_run(doctor, name, remedy):
    """As one does that was built for another NumPy, or has its fast kernels for newer processors alone."""
    crash = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    result = doctor(ai_edge_litert="", **{"ai_edge_litert/interpreter": INTERPRETER.format(crash)})
    versions = package_versions()
    litert, numpy = (f"{package} {versions[package]}" for package in ("ai-edge-litert", "numpy"))
    assert (result.returncode, result.stderr) == (0, "")
    assert f"engine tflite  problem  {litert}, runs no model\n" in result.stdout
    assert advice(result.stdout)["engine tflite"] == (
        f"{litert} with {numpy} crashes when a model is run ({name}){remedy}; {WITHOUT}"
    )
    assert litert not in result.stdout.splitlines()[-1]


def test_an_engine_that_loads_and_raises_when_a_model_is_run(doctor):
    code = INTERPRETER.format('raise SystemError("a result with an exception set")')
    result = doctor(ai_edge_litert="", **{"ai_edge_litert/interpreter": code})
    versions = package_versions()
    assert (result.returncode, result.stderr) == (0, "")
    assert advice(result.stdout)["engine tflite"] == (
        f"ai-edge-litert {versions['ai-edge-litert']} with numpy {versions['numpy']} cannot run a model "
        f"(a result with an exception set); {WITHOUT}"
    )


@pytest.mark.parametrize("code", [0, 7])
def test_an_engine_that_ends_the_process_when_a_model_is_run(doctor, code):
    ending = f"import os; print('bye', flush=True); os._exit({code})"
    result = doctor(ai_edge_litert="", **{"ai_edge_litert/interpreter": INTERPRETER.format(ending)})
    versions = package_versions()
    assert (result.returncode, result.stderr) == (0, "")
    assert advice(result.stdout)["engine tflite"] == (
        f"ai-edge-litert {versions['ai-edge-litert']} with numpy {versions['numpy']} ends its process "
        f"when a model is run; {WITHOUT}"
    )


def test_a_numpy_that_computes_wrongly_runs_no_models(doctor):
    wrong = "import numpy\nnumpy.matmul = lambda left, right, out: out.fill(0)\n"
    result = doctor(sitecustomize=wrong)
    assert (result.returncode, result.stdout) == (1, "")
    numpy = f"numpy {package_versions()['numpy']}"
    start = f"fmnist: nothing runs models here, as NumPy runs none ({numpy} gives wrong answers: "
    assert result.stderr.startswith(f"{start}golden image 0: a probability differs by 0.")
    assert result.stderr.count("\n") == 1


def test_an_engine_that_lacks_a_library(doctor):
    assert advice(doctor(onnxruntime=NO_LIBRARY).stdout)["engine onnx"] == (
        "running an .onnx model needs onnxruntime, which is installed but cannot be loaded "
        f"(libgomp.so.1: cannot open shared object file); {WITHOUT}"
    )


def test_an_engine_that_talks(doctor):
    result = doctor(PIL=TALKATIVE)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "its process ended with 7 and no answer" in advice(result.stdout)["images"]


def test_without_engines_numpy_runs_models(doctor):
    blocked = {"ai_edge_litert", "tflite_runtime", "onnxruntime", "PIL"}
    result = doctor(sitecustomize=MISSING.format(packages=blocked))
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == f"models run here on numpy {package_versions()['numpy']}"
    told = advice(result.stdout)
    assert told["engine tflite"] == "pip install 'fmnist[tflite]'"
    assert told["engine onnx"] == "pip install 'fmnist[onnx]'"
    assert told["images"] == "pip install 'fmnist[images]'"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "raise RuntimeError('NumPy was built with baseline optimizations:\\n(X86_V2)')",
            "NumPy was built with baseline optimizations: (X86_V2)",
        ),
        (
            "try:\n    raise ImportError('libblas.so.3: cannot open shared object file')\n"
            "except ImportError as error:\n    raise ImportError('IMPORTANT: PLEASE READ THIS') from error\n",
            "libblas.so.3: cannot open shared object file",
        ),
        ("raise ModuleNotFoundError('No module named numpy', name='numpy')", "No module named numpy"),
        ("", "No module named 'numpy.typing'"),  # as where it was taken away by half
        ("raise ImportError('\\x1b[2J')", "?[2J"),
        (ILLEGAL_INSTRUCTION, "it crashes when it is loaded (SIGILL); perhaps it needs a newer processor"),
    ],
)
def test_without_numpy_nothing_runs(doctor, code, reason):
    result = doctor(numpy=code)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"fmnist: nothing runs models here, as NumPy does not load ({reason}): "
        "pip install --force-reinstall numpy, or sudo apt install python3-numpy for the system's Python\n"
    )


def test_without_test_images(fmnist, tmp_path):
    result = fmnist("doctor", environment={"FMNIST_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
    assert result.returncode == 0
    if not Path("/usr/share/datasets/fashion-mnist").exists():
        assert advice(result.stdout)["test images"].startswith("give their folder with --data-dir, or: ")


def test_damaged_test_images(fmnist, tmp_path):
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"\0\0\x08\x01")
    result = fmnist("doctor", environment={"FMNIST_DATA": str(tmp_path)})
    assert result.returncode == 0
    assert "t10k-labels-idx1-ubyte" in advice(result.stdout)["test images"]


def test_tensorflow_is_never_loaded(doctor):
    result = doctor(tensorflow=ILLEGAL_INSTRUCTION, keras=ILLEGAL_INSTRUCTION)
    assert result.returncode == 0
    assert "crashes" not in result.stdout

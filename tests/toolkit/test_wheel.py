"""The built wheel, and a device: an empty environment with the wheel and the TFLite interpreter."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from support import DATA, ROOT, TINY, told

MAX_SITE_PACKAGES = 250_000_000
SOURCES = ("runtime", "exporters", "toolkit")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    [path] = folder.glob("*.whl")
    return path


def make_environment(folder: Path) -> Path:
    """Make a virtual environment; return its Python. It has no pip, which would take as long as all else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def install(python: Path, *packages: object, compile: bool = False) -> None:
    """Install packages with the tests' pip. By default they are compiled when they are first imported."""
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--compile" if compile else "--no-compile", *map(str, packages)], check=True)


def install_wheel(wheel: Path, extras: str, environment: Path) -> None:
    """Make an environment with the wheel and its extras, compiled as on a device."""
    python = make_environment(environment)
    install(python, f"{wheel}[{extras}]", "-c", ROOT / "constraints.txt", compile=True)


@dataclass(frozen=True)
class Device:
    environment: Path
    folder: Path

    @property
    def site_packages(self) -> Path:
        [path] = self.environment.glob("lib/python3*/site-packages")
        return path

    def fmnist(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.environment / "bin" / "fmnist", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": "", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )


@pytest.fixture(scope="module")
def device(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """What a Raspberry Pi gets: the wheel, one engine, an artifact, the recorded scores, the test images."""
    environment = tmp_path_factory.mktemp("device") / "venv"
    install_wheel(wheel, "tflite,images", environment)
    folder = tmp_path_factory.mktemp("home")
    shutil.copy(TINY / "export" / "model-int8.tflite", folder)
    shutil.copy(TINY / "reference.npz", folder)
    (folder / "data").symlink_to(DATA)
    return Device(environment, folder)


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"fmnist", "fmnist_exporters", "fmnist_runtime", "fmnist-0.1.0.dist-info"}
    assert {f"{top}/py.typed" for top in ("fmnist", "fmnist_exporters", "fmnist_runtime")} <= set(names)
    assert "fmnist-0.1.0.dist-info/licenses/LICENSE" in names
    assert {f"fmnist/devices/doctor/models/model.{suffix}" for suffix in ("tflite", "onnx", "npz")} <= set(
        names
    )


def test_doctor_runs_a_model_there(device):
    result = device.fmnist("doctor")
    assert (result.returncode, result.stderr) == (0, "")
    assert "runs no model" not in result.stdout
    assert re.search(r"^models run here on ai-edge-litert [\d.]+, numpy [\d.]+$", result.stdout, re.MULTILINE)


def test_a_device_gets_no_tensorflow_and_stays_small(device):
    packages = {path.name.lower() for path in device.site_packages.iterdir()}
    assert not {"tensorflow", "keras", "onnx", "tf2onnx", "onnxruntime"} & packages
    size = sum(path.stat().st_size for path in device.site_packages.rglob("*") if path.is_file())
    assert size < MAX_SITE_PACKAGES


def test_eval_and_parity_and_bench_and_predict_work_there(device, t10k):
    evaluated = device.fmnist("eval", "model-int8.tflite", "--json", "eval.json")
    assert (evaluated.returncode, evaluated.stderr) == (0, "")
    record = json.loads((device.folder / "eval.json").read_text())
    assert record["models"][0]["images"] == 10_000
    assert "tensorflow" not in record["environment"]["packages"]

    compared = device.fmnist("parity", "model-int8.tflite", "--reference", "reference.npz")
    assert compared.returncode == 0
    assert " pass " in compared.stdout

    timed = device.fmnist("bench", "model-int8.tflite", "--processes", 2, "--duration", 0.1)
    assert timed.returncode == 0
    assert "2 fresh processes each, 0.1 s in all; 1 thread" in timed.stdout

    Image.fromarray(t10k.images[0]).save(device.folder / "boot.png")
    predicted = device.fmnist("predict", "model-int8.tflite", "boot.png")
    assert predicted.returncode == 0
    assert predicted.stdout.splitlines()[-1].split()[1:3] == ["Ankle", "boot"]


def test_artifacts_are_verified_there_without_data(device):
    """npz needs no engine; ONNX would need another than this device has."""
    shutil.copy(TINY / "export" / "model-float32.npz", device.folder)
    result = device.fmnist("verify", "model-int8.tflite", "model-float32.npz", "--json", "verify.json")
    assert (result.returncode, result.stderr) == (0, "")
    engines = [
        item["engine"].split()[0]
        for item in json.loads((device.folder / "verify.json").read_text())["artifacts"]
    ]
    assert engines == ["ai-edge-litert", "numpy"]


def test_a_report_needs_its_extra_alone(wheel, tmp_path):
    """Templates, scripts and styles are in the wheel; no engine or original is needed."""
    machine = Device(tmp_path / "venv", tmp_path)
    install_wheel(wheel, "report", machine.environment)
    packages = {path.name.lower() for path in machine.site_packages.iterdir()}
    assert not {"ai_edge_litert", "onnxruntime", "tensorflow", "keras"} & packages
    run = Path(shutil.copytree(TINY, tmp_path / "tiny"))
    (run / "model.keras").unlink()  # as on a device
    (tmp_path / "data").symlink_to(DATA)
    npz = run / "export" / "model-float32.npz"  # which NumPy runs
    compared = machine.fmnist("parity", npz, "--reference", run, "--json", run / "parity.json")
    assert (compared.returncode, compared.stderr) == (0, "")
    made = machine.fmnist("report", run)
    assert (made.returncode, made.stdout, made.stderr) == (0, f"{run / 'report.html'}\n", "")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Ship <code>model-float32.npz</code>" in page
    assert all(text in page for text in ("function makeSortable", "--heat", "prefers-color-scheme"))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the oldest engines have no wheels for this Python")
def test_the_oldest_engines_run_every_artifact(tmp_path):
    """As an older Raspberry Pi OS has them: bookworm's own NumPy, and ONNX Runtime 1.16."""
    python = make_environment(tmp_path / "venv")
    install(python, "numpy==1.24.4", "onnxruntime==1.16.3", "ai-edge-litert==1.2.0", "typer==0.24.0")
    result = subprocess.run(
        [python, "-m", "fmnist", "verify", TINY],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in SOURCES),
            "PYTHONUTF8": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(" verified ") == len(list((TINY / "export").glob("model-*")))
    assert "onnxruntime 1.16.3" in result.stdout


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="these engines have no wheels for this Python")
@pytest.mark.parametrize(
    ("package", "suffix", "remedy"),
    [
        ("tflite-runtime==2.14.0", "tflite", "pip install 'numpy<2'"),
        ("onnxruntime==1.16.3", "onnx", "pip install --upgrade onnxruntime"),
    ],
)
def test_an_engine_for_numpy_1_is_told_and_mended(tmp_path, package, suffix, remedy):
    """pip installs it beside NumPy 2, with which it loads. One raised when it ran a model, one crashed."""
    python = make_environment(tmp_path / "venv")
    install(python, package, "numpy==2.2.6", "typer==0.24.0")

    def fmnist(*arguments: object) -> subprocess.CompletedProcess[str]:
        sources = os.pathsep.join(str(ROOT / part) for part in SOURCES)
        return subprocess.run(
            [python, "-m", "fmnist", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": sources, "PYTHONUTF8": "1", "FMNIST_DATA": str(DATA)},
            capture_output=True,
            text=True,
            check=False,
        )

    model = TINY / "export" / f"model-float32.{suffix}"
    name = package.replace("==", " ")
    line = f"{name} fails with numpy 2.2.6, as it was built for NumPy 1: {remedy}"
    for verb in ("eval", "inspect", "verify", "bench"):
        result = fmnist(verb, model)
        assert (result.returncode, result.stdout) == (1, "")
        assert told(result.stderr) == [f"fmnist: {line}"]
    found = fmnist("doctor")
    assert (found.returncode, found.stderr) == (0, "")
    assert f"engine {suffix}: {line}; " in found.stdout
    assert found.stdout.endswith("models run here on numpy 2.2.6\n")

    install(python, *shlex.split(remedy)[2:])
    assert fmnist("eval", model).returncode == 0
    assert re.search(rf"^engine {suffix} +ok ", fmnist("doctor").stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["train"], "train"),
        (["run"], "train"),
        (["export", TINY / "model.keras"], "train"),
        (["eval", TINY / "model.keras"], "train"),
        (["eval", TINY / "export" / "model-float32.onnx"], "onnx"),
        (["report", TINY, "--out", "page.html"], "report"),
    ],
    ids=["train", "run", "export", "eval keras", "eval onnx", "report"],
)
def test_what_is_missing_there_names_its_extra(device, arguments, extra):
    result = device.fmnist(*arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"pip install 'fmnist[{extra}]'" in result.stderr
    assert not (device.folder / "runs").exists()

"""C artifacts on a device: libraries in the bundle, or one static program."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from support import run_fmnist

from fmnist_runtime import load

pytestmark = pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed")
MACHINES = {
    "x86_64": "qemu-x86_64-static",
    "aarch64": "qemu-aarch64-static",
    "armv7": "qemu-arm-static",
    "armv6": "qemu-arm-static",
    "riscv64": "qemu-riscv64-static",
}


@pytest.fixture
def run(tiny, tmp_path):
    """The tiny run with its int8 model in C, too."""
    result = run_fmnist(tmp_path, "export", "runs/tiny/export/model-int8.tflite", "--format", "c")
    assert result.returncode == 0, result.stderr
    return tiny


@pytest.mark.parametrize("machine", MACHINES)
def test_a_program_answers_as_the_model(run, tmp_path, t10k, machine):
    emulator = MACHINES[machine]
    if machine != platform.machine() and shutil.which(emulator) is None:
        pytest.skip("qemu-user-static is not installed")
    result = run_fmnist(tmp_path, "bundle", run, "--format", "c", "--program", machine, "--out", "classify")
    assert result.returncode == 0, result.stderr
    program = tmp_path / "classify"
    assert program.stat().st_size < 1_000_000
    command = [program] if machine == platform.machine() else [emulator, program]
    images = t10k.images[:20]
    answer = subprocess.run(command, input=images.tobytes(), capture_output=True, check=True)
    with load(run / "export" / "model-int8.c") as session:
        scores = session.scores(images)
    expected = [f"{session.info.labels[row.argmax()]}\t{row.max():.4f}" for row in scores.astype(np.float64)]
    assert answer.stdout.decode().splitlines() == expected


def test_a_program_refuses_half_an_image(run, tmp_path):
    machine = platform.machine()
    assert run_fmnist(tmp_path, "bundle", run, "--format", "c", "--program", machine).returncode == 0
    answer = subprocess.run([tmp_path / f"classify-{machine}"], input=bytes(1000), capture_output=True)
    assert answer.returncode == 1
    assert answer.stderr == b"an image has 784 pixels, a byte each; the last one has 216\n"
    assert len(answer.stdout.splitlines()) == 1


def test_a_program_replaces_programs_alone(run, tmp_path):
    arguments = ("bundle", run, "--format", "c", "--program", platform.machine(), "--out", "classify")
    (tmp_path / "classify").write_text("mine")
    result = run_fmnist(tmp_path, *arguments)
    assert result.returncode == 1
    assert "classify: exists and was not made by fmnist" in result.stderr
    assert (tmp_path / "classify").read_text() == "mine"
    assert run_fmnist(tmp_path, *arguments, "--force").returncode == 0
    assert run_fmnist(tmp_path, *arguments).returncode == 0


def test_a_program_takes_no_options_of_bundles(run, tmp_path):
    result = run_fmnist(tmp_path, "bundle", run, "--program", "armv6")
    assert result.returncode == 2
    assert "takes --format c, --out and --force alone" in result.stderr


def test_a_bundle_brings_libraries_that_are_used_without_a_compiler(run, tmp_path, t10k):
    """In a folder that install.sh would make the environment's."""
    platform_name = f"linux-{platform.machine()}"
    arguments = ("--format", "c", "--platform", platform_name, "--wheels", "none", "--no-data", "--out", "b")
    result = run_fmnist(tmp_path, "bundle", run, *arguments)
    assert result.returncode == 0, result.stderr
    libraries = sorted((tmp_path / "b" / "native").iterdir())
    assert len(libraries) >= 3
    sums = (tmp_path / "b" / "SHA256SUMS").read_text()
    assert all(f"native/{library.name}" in sums for library in libraries)
    code = (
        "import sys, shutil\n"
        "from pathlib import Path\n"
        "from fmnist_runtime.native import compiler\n"
        "compiler._INSTALLED = Path('b/native')\n"
        "compiler.find_spec = lambda name: None\n"
        "import numpy as np\n"
        "from fmnist_runtime import load\n"
        "with load('b/runs/tiny/export/model-int8.c') as session:\n"
        "    scores = session.scores(np.load('images.npy'))\n"
        "np.save('scores.npy', scores)\n"
    )
    np.save(tmp_path / "images.npy", t10k.images[:300])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "cache").exists()
    with load(run / "export" / "model-int8.c") as session:
        assert np.load(tmp_path / "scores.npy").tobytes() == session.scores(t10k.images[:300]).tobytes()

"""The processes that time: they run the same code as the one that starts them, and do not outlive it."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from support import DATA, ROOT, TINY
from support.timings import STATE

from fmnist.bench import worker
from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.processes import run_worker
from fmnist_runtime.machine.state import MachineState

NPZ = TINY / "export" / "model-float32.npz"
PERIODIC = """
import subprocess, sys
from pathlib import Path
import numpy as np
from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.processes import run_worker

class Told(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        print(self.pid, flush=True)

subprocess.Popen = Told
np.save("images.npy", np.zeros((1, 28, 28), np.uint8))
how = Method("periodic", seconds=600, processes=1)
run_worker(Configuration(Path(sys.argv[1]), "numpy", 1, 1), how, Path("images.npy"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells a process of its parent's end")
def test_a_worker_ends_when_its_parent_was_killed(tmp_path):
    """Else it would keep a core busy, and disturb whatever is timed next, for as long as it was told to."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PERIODIC, NPZ], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    ended = os.pidfd_open(pid)
    parent.kill()
    parent.communicate()
    runs = not select.select([ended], [], [], 60)[0]
    if runs:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
    os.close(ended)
    assert not runs


def test_the_machine_is_read_under_load_before_and_after_a_periodic_load(tmp_path, monkeypatch):
    """Between calls the core sleeps, and its governor slows it down: that would look like throttling."""
    np.save(tmp_path / "images.npy", np.zeros((1, 28, 28), np.uint8))
    calls = 0

    def call(_images: object) -> None:
        nonlocal calls
        calls += 1

    readings: list[int] = []

    def read() -> MachineState:
        readings.append(calls)
        return STATE

    monkeypatch.setattr(worker, "_nothing", call)
    monkeypatch.setattr(worker, "read_machine_state", read)
    images = f"{tmp_path}/images.npy"
    job = worker.Job(None, "none", 1, 1, "periodic", 0.1, 100, None, "", images, os.getpid())
    report = worker.work(job)
    periodic, (before, after) = sum(report["counts"]), readings
    assert periodic == 10
    assert before >= 10
    assert after - before >= periodic + 10  # a warm-up is ten calls at least


def test_what_python_prints_before_a_worker_begins_is_not_its_report(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("print('welcome', flush=True)\n")
    monkeypatch.syspath_prepend(tmp_path)
    np.save(tmp_path / "images.npy", np.zeros((1, 28, 28), np.uint8))
    done = run_worker(Configuration(NPZ, "numpy", 1, 1), Method("cold-start"), tmp_path / "images.npy")
    assert done.model is not None
    assert done.model.name == NPZ.name


def test_a_worker_imports_what_its_parent_does(tmp_path):
    """From wherever that took it: here from a folder, in which a worker says that it takes 7 bytes."""
    for package in ("toolkit/fmnist", "runtime/fmnist_runtime", "exporters/fmnist_exporters"):
        source = ROOT / package
        shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / "fmnist" / "bench" / "worker.py"
    text = module.read_text()
    module.write_text(text.replace('"peak_memory_bytes": peak_memory()', '"peak_memory_bytes": 7'))
    assert module.read_text() != text
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fmnist.cli.main import main; main()"
    words = ("bench", NPZ, "--engine", "numpy", "--duration", "0.02", "--processes", "1", "--json", "-")
    result = subprocess.run(
        [sys.executable, "-I", "-c", start, *words, "--data-dir", DATA],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    [model] = json.loads(result.stdout)["models"]
    assert model["peak_memory_bytes"] == 7

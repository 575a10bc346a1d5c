"""``fmnist --version`` says what is installed, and imports none of it."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata

import pytest

from fmnist.cli.main import PACKAGES
from fmnist_runtime.machine.environment import package_versions

RUN = """
import importlib.metadata, sys
found = importlib.metadata.version
def version(name):
    if name in {absent!r}:
        raise importlib.metadata.PackageNotFoundError(name)
    return {present!r}.get(name) or found(name)
importlib.metadata.version = version
sys.argv = ["fmnist", "--version"]
from fmnist.cli.main import main
try:
    main()
finally:
    print(sorted({{"numpy", "tensorflow", "keras", "onnxruntime", "ai_edge_litert"}} & set(sys.modules)))
"""


def version_lines(present, absent):
    """What is said where some packages are installed, and others are not."""
    code = RUN.format(present=present, absent=absent)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    *lines, imported = result.stdout.splitlines()
    assert imported == "[]"
    return lines


def test_the_first_line_is_for_scripts_and_the_others_are_of_what_is_here(fmnist):
    first, *others = fmnist("--version").stdout.splitlines()
    assert first == "fmnist 0.1.0"
    assert others[0] == f"python {platform.python_version()}"
    versions = dict(line.split(" ", 1) for line in others[1:])
    assert versions["numpy"] == metadata.version("numpy")
    installed = {name: found for name, found in versions.items() if found != "not installed"}
    assert installed == {name: found for name, found in package_versions().items() if name != "fmnist"}


def test_on_a_device_with_the_newer_package_of_the_interpreter():
    present = {"numpy": "1.24.2", "ai-edge-litert": "1.2.0"}
    lines = version_lines(present, ["tflite-runtime", "onnxruntime", "tensorflow", "keras"])
    assert lines[2:] == [
        "numpy 1.24.2",
        "ai-edge-litert 1.2.0",
        "onnxruntime not installed",
        "tensorflow not installed",
        "keras not installed",
    ]


def test_on_a_device_with_the_older_package_of_the_interpreter():
    present = {"numpy": "1.24.2", "tflite-runtime": "2.14.0", "onnxruntime": "1.16.3"}
    lines = version_lines(present, ["ai-edge-litert", "tensorflow", "keras"])
    assert lines[2:5] == ["numpy 1.24.2", "tflite-runtime 2.14.0", "onnxruntime 1.16.3"]


@pytest.mark.parametrize("interpreter", ["ai-edge-litert", "tflite-runtime"])
def test_without_anything_not_even_ourselves_installed(interpreter):
    lines = version_lines({}, ["fmnist", *PACKAGES])
    assert lines[0] == "fmnist unknown"
    assert lines[2:] == [f"{name} not installed" for name in PACKAGES if name != "tflite-runtime"]


def test_it_tells_of_all_that_results_record(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    assert list(package_versions()) == ["fmnist", *PACKAGES]

"""An emulated Pi with fmnist on it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arm64.emulated_pi import USER, EmulatedPi
from arm64.kept import cache, keep
from support import DATA, ROOT, TINY

_CONSTRAINTS = ROOT / "constraints.txt"
_PACKAGES = {
    "arm64": (
        ("ai-edge-litert", "numpy", "onnxruntime", "pillow", "typer"),
        "ai_edge_litert.interpreter, onnxruntime, PIL.Image, typer",
    ),
    "armhf": (("typer",), "typer"),
}
"""By architecture what is installed, and which modules then start."""
_PLATFORMS = {
    # pip takes a platform by its name alone: 2.28 does not bring what runs on 2.17.
    "arm64": (
        "manylinux_2_28_aarch64",
        "manylinux_2_27_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ),
    "armhf": ("linux_armv7l",),
}
_SOURCES = ("runtime", "exporters", "toolkit")
_ENVIRONMENT = {
    "PYTHONPATH": ":".join(f"/home/pi/{folder}" for folder in (*_SOURCES, "packages")),
    "FMNIST_DATA": "/home/pi/data",
}


@dataclass(frozen=True)
class Device:
    """An emulated Pi with fmnist, the test images and the tiny run."""

    pi: EmulatedPi
    """The board."""
    home: Path
    """The folder of this machine that is its user's home."""

    @property
    def artifacts(self) -> dict[str, tuple[str, ...]]:
        """By engine the artifacts of the tiny run that it runs here."""
        float32 = ("model-float32.npz", "model-float32.onnx", "model-float32.tflite")
        if self.pi.system.architecture == "armhf":
            return {"numpy": float32}
        return {
            "tflite": ("model-float32.tflite", "model-int8.tflite", "model-int8-full.tflite"),
            "onnxruntime": ("model-float32.onnx", "model-int8.onnx"),
            "numpy": float32,
        }

    @property
    def artifact_folder(self) -> Path:
        """Where those are, and where the command runs."""
        return self.home / "tiny/export"

    def fmnist(
        self, *arguments: object, stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        command = ("env", "--chdir=/home/pi/tiny/export", "python3", "-m", "fmnist")
        return self.pi.run(*command, *arguments, home=self.home, env=_ENVIRONMENT, stdin=stdin)


def install(pi: EmulatedPi, home: Path) -> Device:
    """Put fmnist, the test images and the tiny run into a home."""
    subprocess.run(["cp", "--archive", _packages(pi), home / "packages"], check=True)
    for folder in _SOURCES:
        shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TINY, home / "tiny")
    (home / "data/fashion-mnist").mkdir(parents=True)
    for file in (DATA / "fashion-mnist").glob("t10k-*"):
        shutil.copy(file, home / "data/fashion-mnist")
    _give(home)
    return Device(pi, home)


def _packages(pi: EmulatedPi) -> Path:
    """The folder of packages that the board's own pip would install, kept until constraints.txt changes."""
    system = pi.system
    packages, imports = _PACKAGES[system.architecture]
    platforms = [f"--platform={platform}" for platform in _PLATFORMS[system.architecture]]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]
    command += [*platforms, f"--python-version={system.python}", f"--constraint={_CONSTRAINTS}", *packages]

    def make(folder: Path) -> None:
        subprocess.run([*command, f"--target={folder}"], check=True)
        _give(folder)
        # Compiles them, which takes as long as an evaluation.
        pi.run("python3", "-c", f"import {imports}", home=folder, env={"PYTHONPATH": "."}).check_returncode()

    recipe = hashlib.sha256(repr(command).encode() + _CONSTRAINTS.read_bytes()).hexdigest()
    kept = cache() / f"packages-{pi.name}"
    keep(kept, recipe, make)
    return kept


def _give(folder: Path) -> None:
    """Let a folder and all that is in it belong to the Pi's user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)

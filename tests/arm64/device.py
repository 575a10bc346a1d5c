"""An emulated Pi with fmnist on it, from a bundle, by the bundle's own ``install.sh``."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arm64.emulated_pi import USER, EmulatedPi
from support import TINY, run_fmnist

_FMNIST = "/home/pi/my bundle/.venv/bin/fmnist"


@dataclass(frozen=True)
class Device:
    """An emulated Pi with an installed bundle of the tiny run, and the run's artifacts once more."""

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
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.home / "my bundle"

    @property
    def artifact_folder(self) -> Path:
        """Where all artifacts are, and where the command runs."""
        return self.home / "tiny/export"

    def install(self) -> subprocess.CompletedProcess[str]:
        """Run the bundle's ``install.sh``, with no network."""
        return self.pi.run("sh", "/home/pi/my bundle/install.sh", home=self.home)

    def fmnist(
        self, *arguments: object, stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        """Run the command beside the artifacts."""
        return self._fmnist("/home/pi/tiny/export", *arguments, stdin=stdin)

    def in_bundle(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command in the bundle's folder, where it finds the run and the test images."""
        return self._fmnist("/home/pi/my bundle", *arguments)

    def _fmnist(
        self, folder: str, *arguments: object, stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        command = ("env", f"--chdir={folder}", _FMNIST)
        data = {"FMNIST_DATA": "/home/pi/my bundle/data"}
        return self.pi.run(*command, *arguments, home=self.home, env=data, stdin=stdin)


def bring(pi: EmulatedPi, home: Path, workstation: Path, run: Path = TINY, *options: str) -> Device:
    """Bundle a run for a board, and copy that and the tiny run's artifacts into a home."""
    is_32_bit = pi.system.architecture == "armhf"
    target = ["any"] if is_32_bit else ["linux-aarch64", "--python", pi.system.python]
    made = run_fmnist(workstation, "bundle", run, "--platform", *target, *options, "--out", "bundle")
    assert made.returncode == 0, made.stderr
    shutil.copytree(workstation / "bundle", home / "my bundle")
    shutil.copytree(TINY, home / "tiny")
    for path in (home, *home.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    return Device(pi, home)
